package main

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// anyCertificate lets a client connect to a replica as anybody in a cluster could.
var anyCertificate = &tls.Config{InsecureSkipVerify: true}

// stranger connects to replicas from another address than the API server, as all others in a
// cluster do.
var stranger = &net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}

// ask asks one replica about a pod, past the API server.
func ask(r *server.Server, pod *specimen) (got answer, ok bool) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: anyCertificate, DisableKeepAlives: true}}
	code, body, err := post(client, "https://"+r.Address+"/validate?timeout=10s", pod.review(), wait.Patience)
	var review admissionv1.AdmissionReview
	if err != nil || code != http.StatusOK || json.Unmarshal(body, &review) != nil || review.Response == nil {
		return answer{}, false
	}
	if review.Response.Allowed {
		return allowed(""), true
	}
	if status := review.Response.Result; status != nil && status.Details != nil && len(status.Details.Causes) > 0 {
		return denied(string(status.Details.Causes[0].Type)), true
	}
	return answer{}, false
}
