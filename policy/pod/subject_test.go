package pod

import "testing"

// The namespace given to decoding counts for the subject and for its owner, whatever the
// object names.
func TestNamespaceThatCounts(t *testing.T) {
	text := []byte(`{"metadata":{"name":"web-1","namespace":"own","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web","controller":true}]}}`)
	for given, want := range map[string]string{"team-a": "team-a", "": "own"} {
		s, err := Decode("v1", "Pod", given, text)
		if err != nil {
			t.Fatal(err)
		}
		if s.Namespace != want || s.Owner.Namespace != want {
			t.Errorf("given %q: the pod is in %q, its owner in %q; want %q", given, s.Namespace, s.Owner.Namespace, want)
		}
	}
}
