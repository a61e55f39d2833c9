package check

import (
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
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
