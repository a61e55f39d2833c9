package object

import "strings"

// Identity names an object as owner references do.
type Identity struct {
	Controller
	// Namespace is that of the objects it owns as well.
	Namespace, Name string
	// UID is empty where it is not known: in files, and of an object that is still to
	// be made.
	UID string
}

// Is says whether both are the same object. Of two with UIDs these decide: an object
// may have been deleted and made again.
func (i Identity) Is(other Identity) bool {
	if i.UID != "" && other.UID != "" {
		return i.UID == other.UID
	}
	return i.Name != "" && i.Kind == other.Kind && i.group() == other.group() && i.Namespace == other.Namespace && i.Name == other.Name
}

// Controller names a kind of workload.
type Controller struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// group is the API group: an object is the same in each version of it.
func (i Identity) group() string {
	group, _, versioned := strings.Cut(i.APIVersion, "/")
	if !versioned {
		return ""
	}
	return group
}
