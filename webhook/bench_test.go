package webhook_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
)

// BenchmarkHandler is a request over HTTP on the loopback interface, the client's
// part included.
func BenchmarkHandler(b *testing.B) {
	for name, annotations := range map[string]string{"allow": overlayExtra, "deny": overlayFirst} {
		b.Run(name, func(b *testing.B) {
			url, _ := serve(b, fixtureNetworks(b), config.Default(), io.Discard, time.Minute)
			body := request(annotations, "jane")
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					response, err := http.Post(url+"/validate", "application/json", strings.NewReader(body))
					if err != nil {
						b.Error(err)
						return
					}
					if _, err := io.Copy(io.Discard, response.Body); err != nil {
						b.Error(err)
					}
					response.Body.Close()
				}
			})
		})
	}
}
