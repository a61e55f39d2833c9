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

// Is says whether both are the same object. Of two with UIDs these tell more than names: an
// object may have been deleted and made again. A UID alone proves nothing: nobody checks those
// in owner references, and an owner is of the namespace of what it owns.
func (i Identity) Is(other Identity) bool {
	if i.Kind != other.Kind || i.Namespace != other.Namespace {
		return false
	}
	if i.UID != "" && other.UID != "" {
		return i.UID == other.UID
	}
	return i.Name != "" && i.Name == other.Name && i.group() == other.group()
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
