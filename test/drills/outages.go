package main

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// outages are the drills in which the cluster is not there for the replicas.
func outages() []*drill {
	watch := changingNetworks()
	return []*drill{
		{
			name: "api-server-restarted", about: "the API server ends and starts again, with the same data; in full twice",
			mayFail: nothing, starved: true, run: restartAPIServer,
		},
		{
			name: "etcd-paused", about: "etcd is stopped (SIGSTOP) for 10 s and goes on",
			mayFail: nothing, starved: true, run: pauseEtcd,
		},
		{
			name: "watch-broken", about: "the replicas are cut off from the API server for 10 s; meanwhile a network is deleted, one is repaired and one is made",
			mayFail: nothing, starved: true, specimens: watch.specimens(), run: watch.run, after: watch.forget,
		},
	}
}

func restartAPIServer(ctx context.Context, s *site) error {
	for range s.scale.times {
		before, err := s.counted(ctx)
		if err != nil {
			return err
		}
		s.counts = s.counts.plus(before)
		answered := s.load.answered()
		s.load.begin("the API server is away")
		if err := s.RestartAPIServer(ctx); err != nil {
			return err
		}
		s.load.over()
		// What was answered between the look at the counters and the end is in no counter.
		s.uncounted += s.load.answered() - answered
		if err := s.load.more(4 * s.scale.rate); err != nil {
			return err
		}
	}
	return nil
}

func pauseEtcd(_ context.Context, s *site) error {
	s.load.begin("etcd is paused")
	if err := s.PauseEtcd(); err != nil {
		return err
	}
	time.Sleep(s.scale.hold)
	s.load.over()
	return s.ResumeEtcd()
}

// changing are pods whose networks change while nobody tells the replicas.
type changing struct{ deleted, repaired, made *specimen }

var (
	networkKind = schema.GroupVersionResource{Group: "k8s.cni.cncf.io", Version: "v1", Resource: "network-attachment-definitions"}

	missing = denied("network-not-found")
	// broken is the verdict on a network that no pod can be attached to.
	broken = denied("network-config-unusable")
	plain  = allowed("")
)

const (
	goodConfig   = `{"cniVersion": "0.3.1", "type": "macvlan", "master": "bond0", "ipam": {"type": "dhcp"}}`
	brokenConfig = `{"cniVersion": "0.3.1", "type": "macvlan", "master": "bond0", "ipam": {"type": "dhcp"}`
)

func changingNetworks() *changing {
	on := func(network string, now answer) *specimen {
		return newSpecimen("network "+network, map[string]string{"k8s.v1.cni.cncf.io/networks": "kube-system/" + network}, now)
	}
	// Before the drill has made them none of the networks is there.
	return &changing{deleted: on("to-be-deleted", missing), repaired: on("to-be-repaired", missing), made: on("to-be-made", missing)}
}

func (c *changing) specimens() []*specimen { return []*specimen{c.deleted, c.repaired, c.made} }

func (c *changing) run(ctx context.Context, s *site) error {
	c.deleted.accept(missing, plain)
	c.repaired.accept(missing, broken)
	for name, config := range map[string]string{"to-be-deleted": goodConfig, "to-be-repaired": brokenConfig} {
		if err := s.makeNetwork(ctx, name, config); err != nil {
			return err
		}
	}
	if err := s.awaitVerdict(ctx, "networks known", c.deleted, plain); err != nil {
		return err
	}
	c.deleted.accept(plain)
	if err := s.awaitVerdict(ctx, "a broken network known", c.repaired, broken); err != nil {
		return err
	}
	c.repaired.accept(broken)
	if err := s.load.more(2 * s.scale.rate); err != nil {
		return err
	}

	s.load.begin("the replicas are cut off")
	s.cutOff.Store(true)
	defer s.cutOff.Store(false)
	s.api.cut()
	// From here on a denial of the networks that work is wrong: it would be made of what was.
	// That the deleted one is still let through is not: nobody could know.
	c.deleted.accept(plain, missing)
	c.repaired.accept(broken, plain)
	c.made.accept(missing, plain)
	if err := c.change(ctx, s); err != nil {
		return err
	}
	c.repaired.accept(plain)
	c.made.accept(plain)
	time.Sleep(s.scale.hold)

	s.cutOff.Store(false)
	s.load.over()
	s.load.begin("the replicas are connected again")
	restored := time.Now()
	for _, awaited := range []struct {
		what     string
		specimen *specimen
		verdict  answer
	}{{"the deletion", c.deleted, missing}, {"the repair", c.repaired, plain}, {"the new network", c.made, plain}} {
		if err := s.awaitVerdict(ctx, awaited.what, awaited.specimen, awaited.verdict); err != nil {
			return err
		}
		s.note("%s known to all replicas %s after the connection was back", awaited.what, seconds(time.Since(restored)))
		awaited.specimen.accept(awaited.verdict)
	}
	return nil
}

// forget removes the networks.
func (c *changing) forget(ctx context.Context, s *site) error {
	for _, name := range []string{"to-be-deleted", "to-be-repaired", "to-be-made"} {
		err := s.dynamic.Resource(networkKind).Namespace("kube-system").Delete(ctx, name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// change deletes a network, repairs one and makes one.
func (c *changing) change(ctx context.Context, s *site) error {
	networks := s.dynamic.Resource(networkKind).Namespace("kube-system")
	if err := networks.Delete(ctx, "to-be-deleted", metav1.DeleteOptions{}); err != nil {
		return err
	}
	repair := encode(map[string]any{"spec": map[string]any{"config": goodConfig}})
	if _, err := networks.Patch(ctx, "to-be-repaired", types.MergePatchType, repair, metav1.PatchOptions{}); err != nil {
		return err
	}
	return s.makeNetwork(ctx, "to-be-made", goodConfig)
}

// makeNetwork makes a network.
func (s *site) makeNetwork(ctx context.Context, name, config string) error {
	network := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
		"metadata": map[string]any{"name": name, "namespace": "kube-system"},
		"spec":     map[string]any{"config": config},
	}}
	_, err := s.dynamic.Resource(networkKind).Namespace("kube-system").Create(ctx, network, metav1.CreateOptions{})
	return err
}

// awaitVerdict waits until every replica by itself gives the verdict.
func (s *site) awaitVerdict(ctx context.Context, what string, pod *specimen, want answer) error {
	return wait.For(what, func() bool {
		for _, r := range s.all() {
			if got, ok := ask(r, pod); !ok || got != want {
				return false
			}
		}
		return ctx.Err() == nil
	})
}
