package inventory

import (
	"encoding/json"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
)

// Names in the chart of Spiderpool 1.2.2 (charts/spiderpool): that of the agent's
// DaemonSet and of the ConfigMap are fixed there, whatever the release is called.
const (
	AgentName    = "spiderpool-agent"
	SettingsName = "spiderpool-conf"
	// clusterNetworkVariable of the agent is set only where a network is named as the
	// cluster's own (templates/daemonset.yaml), and so is clusterNetworkKey of the
	// ConfigMap, which holds "" otherwise.
	clusterNetworkVariable = "MULTUS_CLUSTER_NETWORK"
	clusterNetworkKey      = "clusterNetwork"
)

var (
	// Agents are the DaemonSets of Spiderpool's agent: one, as a rule.
	Agents = Kind{
		GroupVersionResource: appsv1.SchemeGroupVersion.WithResource("daemonsets"), Name: "DaemonSet",
		Fields: "metadata.name=" + AgentName, PerPage: workloadsPerPage,
	}
	// Settings are ConfigMaps, of which those of the name [SettingsName] count.
	Settings = Kind{GroupVersionResource: corev1.SchemeGroupVersion.WithResource("configmaps"), Name: "ConfigMap"}
)

// OwnNetworkOfAgent is the network that a DaemonSet in JSON names as the cluster's own to
// Spiderpool's agent; nil where it is another DaemonSet, names none or cannot be read. The
// namespace given stands in for one that it does not name.
func OwnNetworkOfAgent(namespace string, text []byte) *object.Reference {
	var d struct {
		Metadata metaShape `json:"metadata"`
		Spec     struct {
			Template struct {
				Spec struct {
					Containers []struct {
						Env []struct {
							Name  string `json:"name"`
							Value string `json:"value"`
						} `json:"env"`
					} `json:"containers"`
				} `json:"spec"`
			} `json:"template"`
		} `json:"spec"`
	}
	if json.Unmarshal(text, &d) != nil || d.Metadata.Name != AgentName {
		return nil
	}
	for _, c := range d.Spec.Template.Spec.Containers {
		for _, e := range c.Env {
			if e.Name == clusterNetworkVariable {
				return d.Metadata.network(e.Value, namespace)
			}
		}
	}
	return nil
}

// OwnNetworkOfSettings is the same of the ConfigMap with Spiderpool's settings.
func OwnNetworkOfSettings(namespace string, text []byte) *object.Reference {
	var c struct {
		Metadata metaShape         `json:"metadata"`
		Data     map[string]string `json:"data"`
	}
	if json.Unmarshal(text, &c) != nil || c.Metadata.Name != SettingsName {
		return nil
	}
	return c.Metadata.network(c.Data[clusterNetworkKey], namespace)
}

// metaShape is what is read of the metadata.
type metaShape struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// network is the one that a setting names; nil for none. A bare name is in the namespace of
// the object that holds the setting.
func (m *metaShape) network(setting, namespace string) *object.Reference {
	setting = strings.TrimSpace(setting)
	of, name, qualified := strings.Cut(setting, "/")
	switch {
	case setting == "":
		return nil
	case qualified:
		return &object.Reference{Namespace: of, Name: name}
	case m.Namespace != "":
		namespace = m.Namespace
	}
	return &object.Reference{Namespace: namespace, Name: setting}
}
