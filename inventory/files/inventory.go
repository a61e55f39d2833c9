package files

import (
	"fmt"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
)

// NewInventory makes an inventory of the objects in files ([snapshot.NewLayer]). A later
// layer overrides an earlier one.
func NewInventory(namespace string, layers ...[]Object) (*snapshot.Inventory, error) {
	var compiled []*snapshot.Layer
	for _, objects := range layers {
		l, err := NewLayer(namespace, objects)
		if err != nil {
			return nil, err
		}
		compiled = append(compiled, l)
	}
	return snapshot.New(compiled...), nil
}

// NewLayer makes one layer of an inventory of the objects in files.
func NewLayer(namespace string, objects []Object) (*snapshot.Layer, error) {
	all := make([]snapshot.Object, len(objects))
	for i := range objects {
		all[i] = objects[i].compiled()
	}
	return snapshot.NewLayer(namespace, all)
}

// compiled is the object as an inventory takes it.
func (o *Object) compiled() snapshot.Object {
	return snapshot.Object{
		APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name,
		JSON: o.JSON, Deleted: o.Deleted, At: o.at,
	}
}

// at is the place of a value in the object, as path:line:column.
func (o *Object) at(path ...any) string {
	position := o.Position(0, path...)
	return fmt.Sprintf("%s:%d:%d", o.Path, position.Line, position.Column)
}
