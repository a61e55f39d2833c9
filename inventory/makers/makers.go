// Package makers knows the kinds of objects of which a program in the cluster makes
// NetworkAttachmentDefinitions: Spiderpool's SpiderMultusConfig, and what operators bring.
// People write those objects into their files, and the networks are never among them.
//
// What a program writes is repeated here as far as it follows from the object alone. A
// network of which that cannot be told has an empty configuration: it is there, and nothing
// is known of it, as of one whose configuration is a file on the node.
//
// To add a kind, write the file of its program, and a line into the table.
package makers

import (
	"cmp"
	"encoding/json"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/macvlan-webhook/macvlan-webhook/policy/nad"
)

// maker makes networks of the objects of a kind, in any version of its API.
type maker struct {
	group, kind string
	// networks reads an object in JSON; the namespace is the one that counts. An error says
	// that a field has the wrong type.
	networks func(namespace string, object []byte) ([]nad.Made, error)
}

var table = []maker{
	{spiderpoolGroup, SpiderMultusConfig, ofSpiderMultusConfig},
	{"operator.openshift.io", "Network", ofClusterNetwork},
	{sriovGroup, "SriovNetwork", ofSriovNetwork},
	{sriovGroup, "SriovIBNetwork", ofSriovIBNetwork},
	{sriovGroup, "OVSNetwork", ofOVSNetwork},
	{nvidiaGroup, "MacvlanNetwork", ofMacvlanNetwork},
	{nvidiaGroup, "IPoIBNetwork", ofIPoIBNetwork},
	{nvidiaGroup, "HostDeviceNetwork", ofHostDeviceNetwork},
}

// Known says whether networks are made of the objects of a kind.
func Known(apiVersion, kind string) bool { return find(apiVersion, kind) != nil }

func find(apiVersion, kind string) *maker {
	for i := range table {
		if m := &table[i]; m.kind == kind && strings.HasPrefix(apiVersion, m.group+"/") {
			return m
		}
	}
	return nil
}

// Networks are those that are made of an object in JSON; none of a kind that is not
// [Known]. The namespace is that of the object, if it is in one. The error is that of
// decoding it.
func Networks(apiVersion, kind, namespace string, object []byte) ([]nad.Made, error) {
	m := find(apiVersion, kind)
	if m == nil {
		return nil, nil
	}
	return m.networks(namespace, object)
}

// AnnotationKeys are the annotations that decide, beside those which a network may have itself,
// what is made of an object.
func AnnotationKeys() []string {
	return []string{nadNameAnnotation, configNameAnnotation, versionAnnotation}
}

// IsConfig says whether a field holds a configuration that is taken as it stands, by its name.
func IsConfig(field string) bool { return field == "customCNI" || field == "rawCNIConfig" }

// Concealed is what the spec of an object, of any kind that is [Known], is where nothing can be
// told of its networks but their names: each has an empty configuration then.
func Concealed(spec map[string]any) map[string]any {
	// No template takes such a piece.
	concealed := map[string]any{"ipam": "'"}
	if namespace, ok := spec["networkNamespace"].(string); ok {
		concealed["networkNamespace"] = namespace
	}
	if networks, ok := spec["additionalNetworks"].([]any); ok {
		named := []any{}
		for _, n := range networks {
			network, _ := n.(map[string]any)
			name, _ := network["name"].(string)
			namespace, _ := network["namespace"].(string)
			named = append(named, map[string]any{"name": name, "namespace": namespace})
		}
		concealed["additionalNetworks"] = named
	}
	return concealed
}

// metadata is what is read of the metadata of an object.
type metadata struct {
	Name         string            `json:"name"`
	GenerateName string            `json:"generateName"`
	Namespace    string            `json:"namespace"`
	Annotations  map[string]string `json:"annotations"`
}

func decode(object []byte, into any) error {
	return kjson.UnmarshalCaseSensitivePreserveInts(object, into)
}

// fields are those of a plugin or of a list of them.
type fields map[string]any

// set adds a field unless the value is its type's zero, as templates leave it out.
func set[T comparable](f fields, key string, value T) {
	var zero T
	if value != zero {
		f[key] = value
	}
}

// setGiven adds a field that the object gives, whatever it says.
func setGiven[T any](f fields, key string, value *T) {
	if value != nil {
		f[key] = *value
	}
}

// text is a configuration; empty where it cannot be written, which is then not known.
func text(config any) string {
	written, err := json.Marshal(config)
	if err != nil {
		return ""
	}
	return string(written)
}

// fragment is a piece of JSON that an operator puts into its template as it stands, such
// as spec.ipam. The name of a network that no YAML can hold, or text that is no JSON, makes
// a configuration that is not known: whether the operator refuses it is its own affair.
type fragment string

// json is the piece as JSON, or the one that stands for none; ok is false where it is
// not valid.
func (f fragment) json(none string) (piece json.RawMessage, ok bool) {
	piece = json.RawMessage(cmp.Or(strings.TrimSpace(string(f)), none))
	// The templates put the whole between apostrophes.
	return piece, json.Valid(piece) && !strings.Contains(string(piece), "'")
}

// templated is the configuration that the templates of operators make: one plugin, or that
// and others that spec.metaPlugins chains to it, as JSON objects with commas between.
func templated(cniVersion, name string, main fields, ipam, metaPlugins fragment) string {
	address, ok := ipam.json("{}")
	chained, chainOK := fragment("[" + metaPlugins + "]").json("[]")
	if !ok || !chainOK {
		return ""
	}
	main["ipam"] = address
	config := fields{"cniVersion": cniVersion, "name": name}
	if strings.TrimSpace(string(metaPlugins)) == "" {
		for key, value := range main {
			config[key] = value
		}
		return text(config)
	}
	var plugins []any
	if json.Unmarshal(chained, &plugins) != nil {
		return ""
	}
	config["plugins"] = append([]any{main}, plugins...)
	return text(config)
}
