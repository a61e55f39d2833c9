package check

import (
	"context"
	"errors"
	"slices"

	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// World is what objects are judged against: those that are there, and over them those that are
// checked.
type World struct {
	// Checked are the objects that are judged.
	Checked *files.Tree
	// Held are those of files that stand for a cluster, and Cluster is one that is asked. One
	// of them is nil.
	Held    *files.Tree
	Cluster *snapshot.Layer
	// Source is where Cluster comes from.
	Source snapshot.Source

	met map[[2]*files.View]*surroundings
}

// surroundings are what an object meets, and that without the objects that are checked.
type surroundings struct{ all, stored *snapshot.Inventory }

// around is what an object in the file of that path meets.
func (w *World) around(path string) *surroundings {
	checked, held := w.Checked.View(path), (*files.View)(nil)
	var below []*snapshot.Layer
	if w.Held != nil {
		held = w.Held.View(path)
		below = held.Layers
	} else {
		below = []*snapshot.Layer{w.Cluster}
	}
	key := [2]*files.View{checked, held}
	if w.met[key] == nil {
		if w.met == nil {
			w.met = map[[2]*files.View]*surroundings{}
		}
		all := append(append([]*snapshot.Layer{}, below...), checked.Layers...)
		w.met[key] = &surroundings{snapshot.New(all...), snapshot.New(below...)}
	}
	return w.met[key]
}

// Inventory is what an object meets that stands in no file.
func (w *World) Inventory() *snapshot.Inventory { return w.around(files.Stdin).all }

// NamesOnly says that there is no network at all, so that they are judged by their names.
func (w *World) NamesOnly() bool { return w.Inventory().NamesOnly() }

// Err is why something was not known that no verdict tells of; nil when there is no such
// thing. What was judged without it does not count.
func (w *World) Err() error {
	if w.Cluster == nil {
		return nil
	}
	return w.Cluster.Err()
}

// wholePods are pods with all that a request about one would hold.
var wholePods = inventory.Kind{GroupVersionResource: inventory.Pods.GroupVersionResource, Name: inventory.Pods.Name}

var errPodNotGiven = errors.New("it is not in the files that were read: add it with -f or --inventory, or use --live")

// readPod is a pod in JSON: of the files, or else of the cluster. There it is nil without an error
// where there is none.
func (w *World) readPod(ctx context.Context, namespace, name string) ([]byte, error) {
	want := object.Reference{Namespace: namespace, Name: name}
	for _, tree := range []*files.Tree{w.Checked, w.Held} {
		if tree == nil {
			continue
		}
		objects := tree.Objects()
		n := slices.IndexFunc(objects, func(o files.Object) bool {
			return o.APIVersion == inventory.PodKind.APIVersion && o.Kind == inventory.PodKind.Kind && o.Fault == nil && !o.Deleted && tree.Reference(&o) == want
		})
		if n >= 0 {
			return objects[n].JSON, nil
		}
	}
	if w.Source == nil {
		return nil, errPodNotGiven
	}
	pod, err := w.Source.Get(ctx, wholePods, want)
	if pod == nil {
		return nil, err
	}
	return pod.JSON, nil
}
