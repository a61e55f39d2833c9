package grammar

import (
	"context"
	"encoding/json"
	"net"
	"slices"

	netapi "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	netclient "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned"
	nettyped "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned/typed/k8s.cni.cncf.io/v1"
	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/k8sclient"
	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	podNamespace    = "pod-namespace"
	multusNamespace = "multus-namespace"
)

// selected is one network as either side read it.
type selected struct {
	Namespace, Name, Interface, MAC, GUID string
	IPs                                   []string
	Routes                                []net.IP
	HasRoutes                             bool
}

func podWith(key, value string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: podNamespace, Name: "pod", Annotations: map[string]string{key: value},
	}}
}

// breaksOff says that Multus, asked for what it reads in the value of either annotation,
// would end without an answer: there is nothing to compare. That we refuse such values is
// for the tests of our parser.
func breaksOff(value string) bool {
	var list []*json.RawMessage
	return json.Unmarshal([]byte(value), &list) == nil && slices.Contains(list, nil)
}

// breaksOffDefault is breaksOff for the default-network annotation.
func breaksOffDefault(value string) bool {
	var list []json.RawMessage
	return json.Unmarshal([]byte(value), &list) == nil && list != nil && len(list) == 0 || breaksOff(value)
}

// readNetworks is what Multus reads in the networks annotation.
func readNetworks(value string) (list []selected, err error) {
	elements, err := k8sclient.GetPodNetwork(podWith("k8s.v1.cni.cncf.io/networks", value))
	if _, none := err.(*k8sclient.NoK8sNetworkError); none {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range elements {
		s := selected{
			Namespace: e.Namespace, Name: e.Name, Interface: e.InterfaceRequest,
			MAC: e.MacRequest, GUID: e.InfinibandGUIDRequest, IPs: e.IPRequest,
		}
		if e.GatewayRequest != nil {
			s.Routes, s.HasRoutes = *e.GatewayRequest, true
		}
		list = append(list, s)
	}
	return list, nil
}

// readDefaultNetwork is what Multus reads in the default-network annotation. It
// exports nothing that stops after reading, so it goes on to look up the
// network, which always exists here, and the answer is what it looked for and
// what it keeps of the rest.
func readDefaultNetwork(value string) (list []selected, err error) {
	var asked selected
	client := &k8sclient.ClientInfo{NetClient: lookup{asked: &asked}}
	conf := &types.NetConf{MultusNamespace: multusNamespace, Delegates: []*types.DelegateNetConf{{}}}
	if _, _, err := k8sclient.TryLoadPodDelegates(podWith("v1.multus-cni.io/default-network", value), conf, client, nil); err != nil {
		return nil, err
	}
	kept := conf.Delegates[0]
	asked.Interface, asked.MAC, asked.GUID, asked.IPs = kept.IfnameRequest, kept.MacRequest, kept.InfinibandGUIDRequest, kept.IPRequest
	if kept.GatewayRequest != nil {
		asked.Routes, asked.HasRoutes = *kept.GatewayRequest, true
	}
	return []selected{asked}, nil
}

// lookup is a cluster in which every network exists. It notes which one was
// asked for last. Whatever else Multus might call panics on the nil interfaces.
type lookup struct {
	netclient.Interface
	nettyped.K8sCniCncfIoV1Interface
	nettyped.NetworkAttachmentDefinitionInterface
	asked     *selected
	namespace string
}

func (l lookup) K8sCniCncfIoV1() nettyped.K8sCniCncfIoV1Interface { return l }

func (l lookup) NetworkAttachmentDefinitions(namespace string) nettyped.NetworkAttachmentDefinitionInterface {
	l.namespace = namespace
	return l
}

func (l lookup) Get(_ context.Context, name string, _ metav1.GetOptions) (*netapi.NetworkAttachmentDefinition, error) {
	l.asked.Namespace, l.asked.Name = l.namespace, name
	return &netapi.NetworkAttachmentDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: name},
		Spec:       netapi.NetworkAttachmentDefinitionSpec{Config: `{"cniVersion":"1.0.0","type":"macvlan"}`},
	}, nil
}
