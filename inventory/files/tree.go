package files

import (
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
)

// Alone is why there may be other networks than those in the files that are checked, as a
// clause.
const Alone = "only the checked files were read"

// Tree is objects in their folders. A repository may hold several variants of what is applied
// to a cluster, such as a folder for each: then one object stands in several places, and
// differs. Identical copies are one.
//
// What is applied together is not known, so it is taken from the folders. A variant is the
// topmost folder in which no object stands twice, or a file where there is no such folder.
// Objects of one variant are in the cluster together, and compared with each other. What
// another variant holds is found by its name: the nearest counts, so that what stands in
// the folders above serves all those below. Where several are equally near, it is there, and
// nothing is known of it.
type Tree struct {
	namespace string
	partial   string
	objects   []Object
	// paths are those of the objects' files, absolute.
	paths []string

	variants []*variant
	// ofFile is the variant that a file belongs to, by its path.
	ofFile map[string]*variant
	// doubles are the objects that stand in several places and differ.
	doubles []double
	copies  []bool
	faults  map[int]*object.FieldError
	// unreadable conceals what has a fault; nil where nothing has.
	unreadable *snapshot.Layer
	views      map[string]*View
}

// variant is the objects that are in a cluster together.
type variant struct {
	// folder is its path taken apart; of a variant that is a file, that of the folder around
	// it.
	folder []string
	isFile bool
	layer  *snapshot.Layer
	// lent are the layers for other variants: as one of a folder above, or not.
	lent map[bool]*snapshot.Layer
	// holds are the doubles that it has, and what of each counts: the last one.
	holds map[int]occurrence
}

// occurrence is an object among those of the tree, and its value.
type occurrence struct {
	object int
	value  string
}

// double is an object that stands in several places and differs.
type double struct{ occurrences []occurrence }

// View is what an object of some file meets.
type View struct{ Layers []*snapshot.Layer }

// name tells objects apart.
type name struct {
	group, kind string
	ref         object.Reference
}

// NewTree arranges objects. Those without a namespace are taken to be in the one given.
// partial is why there may be other networks besides, as [Alone]; empty where there are
// none.
func NewTree(namespace string, objects []Object, partial string) *Tree {
	t := &Tree{
		namespace: namespace, partial: partial, objects: objects, copies: make([]bool, len(objects)),
		ofFile: map[string]*variant{}, faults: map[int]*object.FieldError{}, views: map[string]*View{},
	}
	for i := range objects {
		t.paths = append(t.paths, absolute(objects[i].Path))
	}
	named := t.findDoubles()
	t.divide()
	t.findCopies(named)
	t.compile()
	return t
}

// absolute is the path of a file from the root. Standard input stands in the current folder.
func absolute(path string) string {
	// Without a current folder, paths are compared as they are.
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return filepath.Clean(path)
}

// findDoubles finds objects that stand in several places and differ. It returns what stands
// in several places, whether it differs or not.
func (t *Tree) findDoubles() [][]occurrence {
	places, order := map[name][]int{}, []name{}
	for i := range t.objects {
		o := &t.objects[i]
		// A name that is still to be made up is nobody's yet, and one that no object can have,
		// as "_", is written over before it is applied.
		if o.Fault != nil || o.Deleted || o.Name == "" || strings.HasSuffix(o.Name, "*") || len(validation.IsDNS1123Subdomain(o.Name)) > 0 {
			continue
		}
		compiled := o.compiled()
		group, _, versioned := strings.Cut(o.APIVersion, "/")
		if !versioned {
			group = ""
		}
		n := name{group, o.Kind, compiled.Reference(t.namespace)}
		if places[n] == nil {
			order = append(order, n)
		}
		places[n] = append(places[n], i)
	}
	var several [][]occurrence
	for _, n := range order {
		if len(places[n]) == 1 {
			continue
		}
		var occurrences []occurrence
		for _, i := range places[n] {
			occurrences = append(occurrences, occurrence{i, canonical(t.objects[i].JSON)})
		}
		several = append(several, occurrences)
		if slices.ContainsFunc(occurrences, func(o occurrence) bool { return o.value != occurrences[0].value }) {
			t.doubles = append(t.doubles, double{occurrences})
		}
	}
	return several
}

// canonical is a value in JSON with its keys in order.
func canonical(text []byte) string {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var value any
	if d.Decode(&value) != nil {
		return string(text)
	}
	out, err := json.Marshal(value)
	if err != nil {
		return string(text)
	}
	return string(out)
}

// divide finds the variants.
func (t *Tree) divide() {
	torn := map[string]bool{}
	for _, d := range t.doubles {
		values := map[string]string{}
		for _, o := range d.occurrences {
			for _, folder := range upwards(t.paths[o.object]) {
				if before, seen := values[folder]; seen && before != o.value {
					torn[folder] = true
				}
				values[folder] = o.value
			}
		}
	}
	found := map[string]*variant{}
	for _, path := range t.paths {
		if t.ofFile[path] != nil {
			continue
		}
		top := path
		for _, folder := range upwards(path) {
			if !torn[folder] {
				top = folder
			}
		}
		v := found[top]
		if v == nil {
			v = &variant{folder: steps(top), isFile: top == path, lent: map[bool]*snapshot.Layer{}, holds: map[int]occurrence{}}
			if v.isFile {
				v.folder = steps(filepath.Dir(top))
			}
			found[top] = v
			t.variants = append(t.variants, v)
		}
		t.ofFile[path] = v
	}
	for n, d := range t.doubles {
		for _, o := range d.occurrences {
			t.ofFile[t.paths[o.object]].holds[n] = o
		}
	}
}

// upwards are a path and the folders above it.
func upwards(path string) []string {
	all := []string{path}
	for above := filepath.Dir(path); above != path; path, above = above, filepath.Dir(above) {
		all = append(all, above)
	}
	return all
}

// steps takes the path of a folder apart.
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}

// findCopies marks what stands in one variant more than once, but for the first. Updates of
// one object are the same only where they replace the same.
func (t *Tree) findCopies(several [][]occurrence) {
	type copied struct {
		in         *variant
		value, old string
	}
	for _, occurrences := range several {
		seen := map[copied]bool{}
		for _, o := range occurrences {
			c := copied{t.ofFile[t.paths[o.object]], o.value, string(t.objects[o.object].Old)}
			t.copies[o.object], seen[c] = seen[c], true
		}
	}
}

// compile makes the layers of the variants.
func (t *Tree) compile() {
	overridden, lacks := map[int]bool{}, false
	for n, d := range t.doubles {
		for _, o := range d.occurrences {
			overridden[o.object] = t.ofFile[t.paths[o.object]].holds[n].value != o.value
		}
	}
	members, unreadable := map[*variant][]snapshot.Object{}, []snapshot.Object(nil)
	indices := map[*variant][]int{}
	for i := range t.objects {
		o, v := &t.objects[i], t.ofFile[t.paths[i]]
		switch {
		case o.Fault != nil:
			t.faults[i] = o.Fault.Err
			if o.Name == "" {
				lacks = true
			} else {
				unreadable = append(unreadable, o.compiled())
			}
		case !overridden[i] && !t.copies[i]:
			members[v], indices[v] = append(members[v], o.compiled()), append(indices[v], i)
		}
	}
	for _, v := range t.variants {
		objects := members[v]
		layer, errs := snapshot.Compile(t.namespace, objects)
		for _, err := range errs {
			var undecoded *snapshot.Undecoded
			if !errors.As(err, &undecoded) {
				continue
			}
			for n := range objects {
				if undecoded.Object == &objects[n] {
					t.faults[indices[v][n]] = undecoded.FieldError
				}
			}
		}
		v.layer = layer.Partial(t.partial, lacks)
	}
	if len(unreadable) > 0 {
		t.unreadable = snapshot.Conceal(t.namespace, unreadable)
	}
}

// Objects are those of the tree, in their order.
func (t *Tree) Objects() []Object { return t.objects }

// IsCopy says whether the object of that index stands before as it is, in the same variant.
func (t *Tree) IsCopy(n int) bool { return t.copies[n] }

// Fault is why the object of that index cannot be read; nil where it can. Of pods and
// workloads that is found out when they are judged.
func (t *Tree) Fault(n int) *object.FieldError { return t.faults[n] }

// Reference names an object.
func (t *Tree) Reference(o *Object) object.Reference {
	compiled := o.compiled()
	return compiled.Reference(t.namespace)
}

// Ambiguity is an object that stands in several places and differs.
type Ambiguity struct {
	// Places are all of them, as path:line:column.
	Places []string
	// SameFile says that they are in one file.
	SameFile bool
}

// Ambiguities are those among objects that count and concern networks, by the index of the
// first object that differs from one before it.
func (t *Tree) Ambiguities() map[int]Ambiguity {
	found := map[int]Ambiguity{}
	for _, d := range t.doubles {
		first := d.occurrences[0]
		if compiled := t.objects[first.object].compiled(); !compiled.Counts() || !slices.ContainsFunc(d.occurrences, t.concernsNetworks) {
			continue
		}
		a, at := Ambiguity{SameFile: true}, -1
		for _, o := range d.occurrences {
			a.Places = append(a.Places, t.objects[o.object].at())
			a.SameFile = a.SameFile && t.paths[o.object] == t.paths[first.object]
			if at < 0 && o.value != first.value {
				at = o.object
			}
		}
		found[at] = a
	}
	return found
}

// concernsNetworks says whether an object says anything of networks: pods and workloads may
// not, and which of several counts is then no concern of ours.
func (t *Tree) concernsNetworks(o occurrence) bool {
	at := &t.objects[o.object]
	if !pod.HoldsPod(at.APIVersion, at.Kind) {
		return true
	}
	s, err := pod.Decode(at.APIVersion, at.Kind, t.namespace, at.JSON)
	return err != nil || len(s.Annotations) > 0 || len(s.Strays) > 0
}

// View is what an object meets that stands in the file of that path, which need not be one
// of the tree.
func (t *Tree) View(path string) *View {
	path = absolute(path)
	folder := steps(filepath.Dir(path))
	home, key := t.ofFile[path], filepath.Dir(path)
	if home == nil {
		home = t.nearest(folder)
	} else {
		// All files of a variant meet the same.
		folder, key = home.folder, "="+strings.Join(home.folder, "/")
		if home.isFile {
			key = "=" + path
		}
	}
	if t.views[key] == nil {
		t.views[key] = t.look(home, folder)
	}
	return t.views[key]
}

// nearest is the variant that is nearer to a folder than all others; nil without one.
func (t *Tree) nearest(folder []string) *variant {
	var best *variant
	depth, alone := -1, false
	for _, v := range t.variants {
		switch common := v.rank(folder).common; {
		case common > depth:
			best, depth, alone = v, common, true
		case common == depth:
			alone = false
		}
	}
	if !alone {
		return nil
	}
	return best
}

// rank is how near a variant is to a folder.
type rank struct {
	// common is the depth of the folder that holds both, and above says that the variant is a
	// file there: one of a folder above.
	common int
	above  bool
}

func (r rank) compare(other rank) int {
	switch {
	case r.common != other.common:
		return r.common - other.common
	case r.above == other.above:
		return 0
	case r.above:
		return 1
	default:
		return -1
	}
}

func (v *variant) rank(folder []string) rank {
	common := 0
	for common < len(folder) && common < len(v.folder) && folder[common] == v.folder[common] {
		common++
	}
	return rank{common, v.isFile && common == len(v.folder)}
}

// look lays the variants over each other, the nearest uppermost.
func (t *Tree) look(home *variant, folder []string) *View {
	others := slices.DeleteFunc(slices.Clone(t.variants), func(v *variant) bool { return v == home })
	ranks := map[*variant]rank{}
	for _, v := range others {
		ranks[v] = v.rank(folder)
	}
	slices.SortStableFunc(others, func(a, b *variant) int { return ranks[a].compare(ranks[b]) })
	view := &View{}
	if t.unreadable != nil {
		view.Layers = append(view.Layers, t.unreadable)
	}
	for _, v := range others {
		view.Layers = append(view.Layers, v.lend(ranks[v].above))
	}
	if home != nil {
		view.Layers = append(view.Layers, home.layer)
	}
	var open []snapshot.Object
	for n := range t.doubles {
		open = append(open, t.undecided(n, home, others, ranks)...)
	}
	if len(open) > 0 {
		view.Layers = append(view.Layers, snapshot.Conceal(t.namespace, open))
	}
	return view
}

// lend is the variant's layer for others.
func (v *variant) lend(above bool) *snapshot.Layer {
	if v.lent[above] == nil {
		v.lent[above] = v.layer.Aside(above)
	}
	return v.lent[above]
}

// undecided are those of a double's objects that are equally near and differ; none where one
// is the nearest. The others are sorted by their ranks.
func (t *Tree) undecided(n int, home *variant, others []*variant, ranks map[*variant]rank) []snapshot.Object {
	if home != nil {
		if _, own := home.holds[n]; own {
			return nil
		}
	}
	nearest := map[string]int{}
	var at rank
	for _, v := range slices.Backward(others) {
		o, holds := v.holds[n]
		switch {
		case !holds:
		case len(nearest) == 0:
			nearest[o.value], at = o.object, ranks[v]
		case ranks[v] == at:
			nearest[o.value] = o.object
		}
	}
	if len(nearest) < 2 {
		return nil
	}
	var objects []snapshot.Object
	for _, i := range slices.Sorted(maps.Values(nearest)) {
		if compiled := t.objects[i].compiled(); compiled.Counts() {
			objects = append(objects, compiled)
		}
	}
	return objects
}
