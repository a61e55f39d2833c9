package snapshot

import (
	"cmp"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/policy/formats/flatnetwork"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
)

// Object is one Kubernetes object that an inventory is made of.
type Object struct {
	APIVersion, Kind, Namespace, Name string
	// JSON is the object's value.
	JSON []byte
	// Deleted says that the object is about to go: it counts for nothing.
	Deleted bool
	// At says where the object stands, or with a path the value there, such as
	// pods.yaml:3:1; nil for an object that no file holds.
	At func(path ...any) string
}

// place names the object in messages: where it stands, or what it is called.
func (o *Object) place(path ...any) string {
	if o.At != nil {
		return o.At(path...)
	}
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + name
	}
	return o.Kind + " " + quote.Value(name)
}

func (o *Object) decode(into any) error {
	return kjson.UnmarshalCaseSensitivePreserveInts(o.JSON, into)
}

// Undecoded is the error about an object that cannot be decoded.
type Undecoded struct {
	Object *Object
	*object.FieldError
}

func (u *Undecoded) Error() string {
	return u.Object.place(u.Place().Steps()...) + ": decode " + u.Object.Kind + ": " + u.FieldError.Error()
}

// undecoded says at which field an object cannot be decoded.
func (o *Object) undecoded(err error) error { return &Undecoded{o, object.DecodeError(err)} }

// Reference names an object among those of its kind, as an inventory does: without a
// namespace where its kind has none, and in the one given where it names none itself.
func (o *Object) Reference(namespace string) object.Reference {
	ref := object.Reference{Namespace: cmp.Or(o.Namespace, namespace), Name: o.Name}
	switch {
	case isKind(o, inventory.Namespaces), isKind(o, inventory.Nodes),
		inSpiderpool(o) && (o.Kind == inventory.Pools.Name || o.Kind == inventory.Coordinators.Name):
		ref.Namespace = ""
	default:
		if g, ok := flatnetwork.SubnetGeneration(o.APIVersion, o.Kind); ok {
			ref.Namespace = cmp.Or(o.Namespace, g.SubnetNamespace())
		}
	}
	return ref
}

// Counts says whether an inventory reads objects of that kind.
func (o *Object) Counts() bool { return adderOf(o) != nil }
