package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// What a Node says of its links is heeded as soon as it says so. No node of the fixtures
// has the link eth55.
func TestMasterOnNodes(t *testing.T) {
	// What is said of networks depends on all nodes.
	alone(t)
	annotate := func(link string) {
		mustKubectl(t, "", "annotate", "node", "e2e-node", "--overwrite",
			fmt.Sprintf(`macvlan-webhook.io/links={"links":[{"name":%q,"kind":"physical","mtu":1500,"up":true}]}`, link))
	}
	said := func(want string) {
		t.Helper()
		wait.Until(t, "kubectl prints "+want, func() bool {
			result := kubectl(t, network("eth55", `{"cniVersion":"0.3.1","type":"macvlan","master":"eth55"}`), "create", "--dry-run=server", "-f", "-")
			if result.ExitCode != 0 {
				t.Fatalf("exit status %d\n%s", result.ExitCode, result.Stderr)
			}
			return strings.Contains(result.Stderr, `Warning: master-missing-on-nodes: the nodes report that `+want)
		})
	}
	// node-3 is silent.
	said(`none of 2 has a link "eth55": "node-1", "node-2" (1 more do`)

	mustKubectl(t, "apiVersion: v1\nkind: Node\nmetadata: {name: e2e-node}\nspec: {taints: [{key: example.com/no-kubelet, effect: NoSchedule}]}\n", "create", "-f", "-")
	defer mustKubectl(t, "", "delete", "node", "e2e-node", "--ignore-not-found")
	said(`none of 2 has a link "eth55": "node-1", "node-2" (2 more do`)
	annotate("eth55")
	said(`2 of 3 have no link "eth55": "node-1", "node-2" (1 more`)
	annotate("eth56")
	said(`none of 3 has a link "eth55": "e2e-node", "node-1", "node-2"`)
	mustKubectl(t, "", "delete", "node", "e2e-node")
	said(`none of 2 has a link "eth55": "node-1", "node-2" (1 more do`)
}
