package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/macvlan-webhook/macvlan-webhook/test/server"
)

const intro = `# Drills

What became of admission while the webhook, its certificates or the cluster around it changed
or failed, and under attack. Written by ` + "`make drills`" + `, which does all of it anew; do not edit.

The site: a real API server and etcd with ` + "`manifests/base`" + ` applied, three processes of the
server as replicas, and a TCP forwarder in the place of the Service. It probes each replica once
a second, gives no new connection to one that failed a probe, and leaves those that are open.
Throughout, %d pods a second are created: good ones, which have to be let through with their
default pools, and bad ones, which have to be denied by the right rule.

- **calls** are those that the API server made to the webhook, by its own count. A creation makes two.
- **failed** are creations that ended in ` + "`failed calling webhook`" + `. **may fail** says which may at all:
  *calls in flight*, none of them sent later than 3 s after what it failed of; or *until it is put right*, which has to
  be within 5 s. **last failed after** and **answers again after** say how long it took.
- **wrong** are good pods that were refused, bad ones that were let through, and pods without their pools.
- **p50**, **p99** and **slowest** are how long creations took that ended rightly, all webhooks and the API server included.
- **memory** is the most that a replica ever had resident; its container has %d MiB.

`

// writePage writes the results of all drills.
func writePage(path string, s *site, results []*result) error {
	var page strings.Builder
	fmt.Fprintf(&page, intro, full().rate, memoryLimit>>20)
	machine, err := describeMachine()
	if err != nil {
		return err
	}
	versions, err := s.versions()
	if err != nil {
		return err
	}
	fmt.Fprintf(&page, "%s, on %s. All of it ran on this one machine: API server, etcd, replicas, forwarder and load. %s.\n\n",
		time.Now().UTC().Format("2 January 2006"), machine, versions)
	page.WriteString(header)
	for _, r := range results {
		page.WriteString(r.row())
	}
	page.WriteString("\n")
	for _, r := range results {
		fmt.Fprintf(&page, "- `%s`: %s.\n", r.drill.name, r.drill.about)
	}
	for _, r := range results {
		for i, p := range r.problems {
			if i == 0 {
				fmt.Fprintf(&page, "\n**`%s` broke a promise:**\n\n", r.drill.name)
			}
			fmt.Fprintf(&page, "- %s\n", p)
		}
	}
	return os.WriteFile(path, []byte(page.String()), 0o644)
}

// describeMachine says what the drills ran on, as Linux tells it.
func describeMachine() (string, error) {
	model, err := field("/proc/cpuinfo", "model name")
	if err != nil {
		return "", err
	}
	total, err := field("/proc/meminfo", "MemTotal")
	if err != nil {
		return "", err
	}
	var kib int
	if _, err := fmt.Sscan(total, &kib); err != nil {
		return "", fmt.Errorf("read the size of the memory: %w", err)
	}
	return fmt.Sprintf("%d cores of %s with %d GiB of memory (%s/%s)", runtime.NumCPU(), model, (kib+1<<19)>>20, runtime.GOOS, runtime.GOARCH), nil
}

// field is the first value of a name in a file of lines "name : value".
func field(path, name string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s has no %s", path, name)
}

// versions says what ran.
func (s *site) versions() (string, error) {
	kubernetes, err := s.cluster.Discovery().ServerVersion()
	if err != nil {
		return "", err
	}
	// Such as "macvlan-webhook version v1.2.3".
	webhook, err := exec.Command(server.Binary("macvlan-webhook"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask the server for its version: %w", err)
	}
	return fmt.Sprintf("Kubernetes %s, %s, built with %s", kubernetes.GitVersion, strings.TrimSpace(string(webhook)), runtime.Version()), nil
}
