package object

// Meta is what is read of the metadata of an object.
type Meta struct {
	Name         string `json:"name"`
	GenerateName string `json:"generateName"`
	Namespace    string `json:"namespace"`

	UID string `json:"uid"`

	DeletionTimestamp string `json:"deletionTimestamp"`

	OwnerReferences []struct {
		Controller
		Name         string `json:"name"`
		UID          string `json:"uid"`
		IsController bool   `json:"controller"`
	} `json:"ownerReferences"`
}
