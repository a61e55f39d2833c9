package node

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a node may take for one pod before it is taken for hung: a matter of
// a tenth of a second, and of ten where a plugin waits for IPv6 addresses.
const patience = 2 * time.Minute

// pluginFolders are where the plugins are: those of the bundle, which `make plugins` builds,
// and the other reference plugins, of `make reference-plugins`.
var pluginFolders = []string{built("cni"), built("reference-plugins")}

func built(folder string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "bin", folder)
}

// has says whether there is such a plugin.
func hasPlugin(name string) bool {
	for _, folder := range pluginFolders {
		if info, err := os.Stat(filepath.Join(folder, filepath.Base(name))); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// runAll runs pods, several at the same time, each on a node of its own, and hands on what
// becomes of each, one at a time.
func runAll(t *testing.T, pods []*pod, then func(i int, o *outcome)) (lacks []string) {
	t.Helper()
	for _, plugin := range []string{"macvlan", "host-local", "static", "tuning", "ptp", "sbr"} {
		if !hasPlugin(plugin) {
			t.Fatalf("the plugin %s is not there: `make plugins reference-plugins` builds it", plugin)
		}
	}
	var mutex sync.Mutex
	var group sync.WaitGroup
	next := 0
	take := func() int {
		mutex.Lock()
		defer mutex.Unlock()
		next++
		return next - 1
	}
	// More than one a core, because the kernel has a node wait while it makes and removes
	// links.
	for range runtime.NumCPU() + 2 {
		group.Go(func() {
			// See isolated.
			runtime.LockOSThread()
			var n *nodeProcess
			defer func() { n.end() }()
			for i := take(); i < len(pods); i = take() {
				if n == nil {
					var err error
					if n, err = startNode(); err != nil {
						t.Errorf("start a node: %v", err)
						return
					}
				}
				o, err := n.run(pods[i])
				if err != nil {
					o = &outcome{Failure: fmt.Sprintf("the node breaks off: %v", err)}
					n.end()
					n = nil
				}
				mutex.Lock()
				if n != nil {
					lacks = n.lacks
				}
				then(i, o)
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	return lacks
}

// nodeProcess is a process that is a node, see [serve].
type nodeProcess struct {
	command *exec.Cmd
	pods    io.WriteCloser
	ask     *json.Encoder
	answers *json.Decoder
	said    strings.Builder
	lacks   []string
}

func startNode() (*nodeProcess, error) {
	n := &nodeProcess{command: exec.Command("/proc/self/exe")}
	n.command.Env = append(os.Environ(), worker+"=1", "CNI_PATH="+strings.Join(pluginFolders, ":"))
	n.command.SysProcAttr = isolated
	n.command.Stderr = &n.said
	pods, err := n.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, err := n.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.command.Start(); err != nil {
		return nil, err
	}
	n.pods, n.ask, n.answers = pods, json.NewEncoder(pods), json.NewDecoder(answers)
	var says ready
	if err := n.answers.Decode(&says); err != nil {
		n.end()
		return nil, fmt.Errorf("%w: %s", err, n.said.String())
	}
	n.lacks = says.Lacks
	return n, nil
}

// run has a pod run. An error says that the node is lost.
func (n *nodeProcess) run(p *pod) (*outcome, error) {
	defer time.AfterFunc(patience, func() { n.command.Process.Kill() }).Stop()
	if err := n.ask.Encode(p); err != nil {
		return nil, err
	}
	o := &outcome{}
	if err := n.answers.Decode(o); err != nil {
		n.end()
		return nil, fmt.Errorf("%w: %s", err, n.said.String())
	}
	return o, nil
}

// end ends the process, and with it all that it has made.
func (n *nodeProcess) end() {
	if n == nil || n.command.ProcessState != nil {
		return
	}
	n.pods.Close()
	n.command.Process.Kill()
	n.command.Wait()
}
