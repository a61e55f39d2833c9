package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kubectl-macvlan": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			server, err := hang(env)
			env.Values["hanging"] = server
			return errors.Join(err, refuse(env))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// asked waits until the API server that never answers has been asked.
			"asked": func(ts *testscript.TestScript, _ bool, _ []string) {
				<-ts.Value("hanging").(*hanging).asked
			},
		},
	})
}

// hanging is an API server that accepts connections and never answers.
type hanging struct {
	// asked gets a value when it has been asked something.
	asked chan struct{}
}

// hang starts such a server for a script, with a kubeconfig that names it.
func hang(env *testscript.Env) (*hanging, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	env.Defer(func() {
		listener.Close()
		close(ended)
	})
	h := &hanging{asked: make(chan struct{}, 1)}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				<-ended
				connection.Close()
			}()
			go func() {
				if n, _ := connection.Read(make([]byte, 1)); n == 1 {
					select {
					case h.asked <- struct{}{}:
					default:
					}
				}
			}()
		}
	}()
	return h, writeKubeconfig(env, "hanging", "http://"+listener.Addr().String())
}

// refuse starts an API server that forbids whatever is asked, and fails when it is asked for
// nodes or coordinators, with a kubeconfig that names it.
func refuse(env *testscript.Env) error {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, reason, message := http.StatusForbidden, "Forbidden", "user \"clerk\" cannot list resource"
		if strings.Contains(r.URL.Path, "/nodes") || strings.Contains(r.URL.Path, "/spidercoordinators") {
			code, reason, message = http.StatusInternalServerError, "InternalError", "etcd is gone"
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, reason, message, code)
	}))
	env.Defer(server.Close)
	return writeKubeconfig(env, "refusing", server.URL)
}

func writeKubeconfig(env *testscript.Env, name, server string) error {
	kubeconfig := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a}}]\n"+
		"clusters: [{name: a, cluster: {server: '%s'}}]\n", server)
	return os.WriteFile(filepath.Join(env.WorkDir, name+".kubeconfig"), []byte(kubeconfig), 0o600)
}
