package nad

import (
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

func TestMisplacedConfig(t *testing.T) {
	const conf = `"{\"cniVersion\":\"0.3.1\",\"type\":\"macvlan\"}"`
	for object, want := range map[string]string{
		`{"metadata":{"name":"a"},"config":` + conf + `}`:                                "config",
		`{"metadata":{"name":"a"},"spec":{"Config":` + conf + `}}`:                       "spec.Config",
		`{"metadata":{"name":"a"},"spec":{"cofnig":{"type":"macvlan"}}}`:                 "spec.cofnig",
		`{"metadata":{"name":"a"},"data":{"config":` + conf + `}}`:                       "data.config",
		`{"metadata":{"name":"a","config":` + conf + `}}`:                                "metadata.config",
		`{"metadata":{"name":"a"},"spec":{"cniConfig":` + conf + `,"config":""}}`:        "spec.cniConfig",
		`{"metadata":{"name":"a"},"spec":{"config":` + conf + `},"config":` + conf + `}`: "",
		`{"metadata":{"name":"a"}}`:                                                      "",
		`{"metadata":{"name":"a"},"spec":{"config":""}}`:                                 "",
		`{"metadata":{"name":"a"},"config":"","spec":{"other":{"config":` + conf + `}}}`: "",
		`{"metadata":{"name":"a","annotations":{"config":` + conf + `}}}`:                "",
		`{"metadata":{"name":"a"},"spec":{"configMap":"a"}}`:                             "",
	} {
		v := decodeNAD(t, []byte(object), nil).Judge(Facts{}, config.Default())
		got := ""
		for _, f := range v.Findings {
			if f.Rule == "nad-config-invalid" {
				got = f.Path()
				if f.Action != verdict.Warn || !strings.Contains(f.Message, `"`+want+`"`) {
					t.Errorf("%s: %s %s", object, f.Action, f.Message)
				}
			}
		}
		if got != want {
			t.Errorf("%s: at %q, want %q", object, got, want)
		}
	}
}
