package object

import "time"

// Meta is what is read of the metadata of an object.
type Meta struct {
	Name         string `json:"name"`
	GenerateName string `json:"generateName"`
	Namespace    string `json:"namespace"`

	UID string `json:"uid"`

	CreationTimestamp string `json:"creationTimestamp"`
	DeletionTimestamp string `json:"deletionTimestamp"`

	OwnerReferences []struct {
		Controller
		Name         string `json:"name"`
		UID          string `json:"uid"`
		IsController bool   `json:"controller"`
	} `json:"ownerReferences"`
}

// Created is when the object was created; the zero time where that is not known, as in files.
func (m *Meta) Created() time.Time {
	// What cannot be read is not known.
	created, _ := time.Parse(time.RFC3339, m.CreationTimestamp)
	return created
}
