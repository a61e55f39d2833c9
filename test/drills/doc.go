// Command drills shows what becomes of admission while the webhook, its certificates or
// the cluster around it change or fail, and what hostile clients do to it.
//
// A site is a real API server and etcd with manifests/base applied, three processes of the
// server as replicas, and a forwarder in the place of the Service: it probes each replica
// once a second, as the kubelet does, and gives no new connection to one that has failed
// a probe, as kube-proxy does. Throughout a drill pods are created, good ones and bad ones,
// and what the API server says of each is held against what is right.
//
// All drills, with the table of results written to docs/drills.md, which takes more than half an hour:
//
//	make drills
//
// One or some alone, whose results are printed and written nowhere else:
//
//	make drills DRILL=rolling-update
//	make drills DRILL=secret-deleted,secret-emptied
//
// The tests of this package are the same drills in short, but for the twenty rotations in a row.
// They prove that no call fails and none is answered wrongly, and say nothing about how long
// anything takes:
//
//	go test ./test/drills -run /watch-broken
package main
