package object

// Reference names a NetworkAttachmentDefinition.
type Reference struct{ Namespace, Name string }

// String is the reference as the annotations write it: namespace/name.
func (r Reference) String() string { return r.Namespace + "/" + r.Name }
