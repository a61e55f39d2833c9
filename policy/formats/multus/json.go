package multus

import (
	"encoding/json"
	"errors"
	"net"
	"strings"

	"github.com/macvlan-webhook/macvlan-webhook/policy/text/jsonplace"
)

// selection is an element of the JSON form with the field types of Multus'
// NetworkSelectionElement (pkg/types/types.go), so that encoding/json takes and
// refuses the same: keys in any case, the last of equal keys, unknown keys.
// Fields that no rule reads are here for their types alone.
type selection struct {
	Name             string          `json:"name"`
	Namespace        string          `json:"namespace"`
	IPs              []string        `json:"ips"`
	MAC              string          `json:"mac"`
	GUID             string          `json:"infiniband-guid"`
	Interface        string          `json:"interface"`
	InterfaceRequest string          `json:"interfaceRequest"`
	PortMappings     []*portMapping  `json:"portMappings"`
	Bandwidth        *bandwidth      `json:"bandwidth"`
	DeviceID         string          `json:"deviceID"`
	CNIArgs          *map[string]any `json:"cni-args"`
	DefaultRoutes    *[]net.IP       `json:"default-route"`
}

type portMapping struct {
	HostPort      int    `json:"hostPort"`
	ContainerPort int    `json:"containerPort"`
	Protocol      string `json:"protocol"`
	HostIP        string `json:"hostIP"`
}

type bandwidth struct {
	IngressRate  int `json:"ingressRate"`
	IngressBurst int `json:"ingressBurst"`
	EgressRate   int `json:"egressRate"`
	EgressBurst  int `json:"egressBurst"`
}

// fields are the keys of a selection and what each must be.
var fields = []struct{ name, want string }{
	{"name", "a string"},
	{"namespace", "a string"},
	{"ips", "a list of strings"},
	{"mac", "a string"},
	{"infiniband-guid", "a string"},
	{"interface", "a string"},
	{"interfaceRequest", "a string"},
	{"portMappings", `a list of objects with the whole numbers "hostPort" and "containerPort" and the strings "protocol" and "hostIP"`},
	{"bandwidth", `an object with the whole numbers "ingressRate", "ingressBurst", "egressRate" and "egressBurst"`},
	{"deviceID", "a string"},
	{"cni-args", "an object whose numbers fit 64-bit floating point"},
	{"default-route", "a list of strings"},
}

// fieldOf is the field that a key fills: encoding/json compares without regard
// to case. It is "" for an unknown key.
func fieldOf(key string) (name, want string) {
	for _, f := range fields {
		if strings.EqualFold(key, f.name) {
			return f.name, f.want
		}
	}
	return "", ""
}

// parseJSON reads the list of objects. It decodes once; only a value with a
// fault is read a second time, to say where and what.
func parseJSON(value, namespace string) ([]Element, []Fault) {
	var list []*selection
	err := json.Unmarshal([]byte(value), &list)
	if err == nil {
		if elements, ok := elementsOf(list, namespace); ok {
			return elements, nil
		}
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return nil, []Fault{syntaxFault(value)}
	}
	root := jsonplace.Root(value)
	if root.Kind() != jsonplace.List {
		return nil, []Fault{notListFault(root)}
	}
	return explainJSON(root, namespace)
}

// elementsOf converts a list, and says whether it is without faults.
func elementsOf(list []*selection, namespace string) ([]Element, bool) {
	elements := make([]Element, len(list))
	for i, s := range list {
		if s == nil || !s.ok() {
			return nil, false
		}
		elements[i] = s.element(namespace)
	}
	return elements, true
}

func (s *selection) element(namespace string) Element {
	e := Element{
		Namespace: s.Namespace, NamespaceGiven: s.Namespace != "", Name: s.Name,
		Interface: s.Interface, MAC: s.MAC, IPs: s.IPs, GUID: s.GUID,
		Offset: -1,
	}
	if e.Namespace == "" {
		e.Namespace = namespace
	}
	if e.Interface == "" {
		e.Interface = s.InterfaceRequest
	}
	if s.DefaultRoutes != nil {
		e.DefaultRoutes, e.HasDefaultRoute = *s.DefaultRoutes, true
	}
	if s.CNIArgs != nil {
		e.readArgs(*s.CNIArgs)
	}
	return e
}

// readArgs reads those arguments that plugins know which give addresses. Keys count in any
// case, as encoding/json takes them.
func (e *Element) readArgs(args map[string]any) {
	for key, value := range args {
		switch {
		case strings.EqualFold(key, "ips"):
			e.ArgIPs, e.ArgIPsFault = textsOf(value)
		case strings.EqualFold(key, "mac"):
			e.ArgMAC, _ = value.(string)
		}
	}
}

// textsOf are the members of a list of strings, not nil, and why it is none.
func textsOf(value any) (texts []string, fault string) {
	texts = []string{}
	if value == nil {
		return texts, ""
	}
	list, ok := value.([]any)
	if !ok {
		return texts, "is not a list"
	}
	for _, member := range list {
		text, ok := member.(string)
		if !ok {
			return []string{}, "has a member that is not a string"
		}
		texts = append(texts, text)
	}
	return texts, ""
}

// check is the test of one string in a selection.
type check struct {
	problem      Problem
	field, value string
	detail       func(string) string
	want         string
}

// checks are the tests of the strings that are given. An empty name is one of
// them; every other field may be empty, which is the same as absent.
func (s *selection) checks() [5]check {
	iface := check{ProblemInterface, "interface", s.Interface, interfaceDetail, wantInterface}
	if s.Interface == "" {
		iface.field, iface.value = "interfaceRequest", s.InterfaceRequest
	}
	return [...]check{
		{ProblemName, "namespace", s.Namespace, namespaceDetail, wantNamespace},
		{ProblemName, "name", s.Name, jsonNameDetail, wantJSONName},
		iface,
		{ProblemMAC, "mac", s.MAC, macDetail, wantMAC},
		{ProblemGUID, "infiniband-guid", s.GUID, guidDetail, wantGUID},
	}
}

// result is what the test has against the value, "" for nothing.
func (c *check) result() string {
	if c.value == "" && c.field != "name" {
		return ""
	}
	return c.detail(c.value)
}

func (s *selection) ok() bool {
	checks := s.checks()
	for i := range checks {
		if checks[i].result() != "" {
			return false
		}
	}
	for _, ip := range s.IPs {
		if ipDetail(ip) != "" {
			return false
		}
	}
	return true
}
