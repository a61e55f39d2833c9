package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/check"
	"github.com/macvlan-webhook/macvlan-webhook/cmd/kubectl-macvlan/internal/report"
	"github.com/macvlan-webhook/macvlan-webhook/inventory"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/cluster"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/files"
	"github.com/macvlan-webhook/macvlan-webhook/inventory/snapshot"
	"github.com/macvlan-webhook/macvlan-webhook/policy"
	"github.com/macvlan-webhook/macvlan-webhook/policy/config"
	"github.com/macvlan-webhook/macvlan-webhook/policy/object"
	"github.com/macvlan-webhook/macvlan-webhook/policy/pod"
	"github.com/macvlan-webhook/macvlan-webhook/policy/text/quote"
	"github.com/macvlan-webhook/macvlan-webhook/policy/verdict"
)

// checkOptions are the flags of `check`.
type checkOptions struct {
	streams
	files, inventory []string
	config           string
	outputs          []string
	failOn           string
	mode             string
	live             bool
	strict           bool
	requireObjects   bool
	namespace        string
	cluster          clusterFlags
}

func newCheck(s streams) *cobra.Command {
	o := &checkOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "check [-f PATH]... [PATH]...",
		Short: "Check the pods and workloads in files as the webhook would",
		Long: "Check every pod, every pod template, every NetworkAttachmentDefinition or SpiderMultusConfig, and every subnet of Rancher's\n" +
			"flat network in files and folders.\n\n" +
			"The networks that pods ask for are looked up in the files themselves, and in --inventory or, with --live, in a cluster. Without\n" +
			"any network in either, networks are checked by their names only, and none is reported as missing.\n\n" +
			"One object that cannot be read is reported, and the others are checked. In a folder, what is no Kubernetes object is passed over.\n\n" +
			"Exit status: 0 when nothing at or above --fail-on was found, 1 when something was, 2 when the check could not be run.",
		Example: "  kubectl macvlan check -f pods.yaml --inventory networks/\n" +
			"  kustomize build . | kubectl macvlan check -f - --live -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = append(o.files, args...)
			return o.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.files, "filename", "f", nil, "file, folder (searched for .yaml, .yml and .json), or - for standard input (may be repeated)")
	f.StringArrayVar(&o.inventory, "inventory", nil, "file or folder with objects to treat as present in the cluster (may be repeated)")
	f.StringVar(&o.config, "config", "", "PolicyConfig file (default: the built-in configuration)")
	f.StringArrayVarP(&o.outputs, "output", "o", []string{"text"}, "FORMAT or FORMAT=FILE, with FORMAT one of "+strings.Join(report.Forms(), ", ")+" (may be repeated)")
	f.StringVar(&o.failOn, "fail-on", "deny", "lowest action that makes the exit status 1: deny, warn or never")
	f.StringVar(&o.mode, "mode", "", "simulate a mode in every namespace, whatever its label: enforce, warn or off")
	f.BoolVar(&o.strict, "strict", false, "end with status 2 if a document in a searched folder is neither YAML nor JSON")
	f.BoolVar(&o.requireObjects, "require-objects", false, "end with status 2 if there is no object to check")
	f.BoolVar(&o.live, "live", false, "read networks, pools and everything else that the check needs from the cluster")
	f.StringVarP(&o.namespace, "namespace", "n", "", "namespace of objects that do not name one")
	o.cluster.add(cmd, ", with --live")
	return cmd
}

func (o *checkOptions) run(ctx context.Context) error {
	if len(o.files) == 0 {
		return errors.New("nothing to check: name a file or a folder with -f, or - for standard input")
	}
	if o.live && len(o.inventory) > 0 {
		return errors.New("--live and --inventory cannot be used together: the networks come from one of them")
	}
	if !o.live && (o.cluster.kubeconfig != "" || o.cluster.context != "") {
		return errors.New("--kubeconfig and --context require --live")
	}
	if !o.live && o.cluster.requestTimeout != defaultRequestTimeout {
		return errors.New("--request-timeout requires --live")
	}
	timeout, err := o.cluster.timeout()
	if err != nil {
		return err
	}
	if problems := validation.IsDNS1123Label(o.namespace); o.namespace != "" && len(problems) > 0 {
		return fmt.Errorf("--namespace %s is not a valid namespace name", quote.Value(o.namespace))
	}
	if given(files.Stdin, o.files, o.inventory) > 1 {
		return errors.New("- is given more than once, but standard input can be read only once: name files instead of all but one of them (-f, --inventory)")
	}
	outputs, err := parseOutputs(o.outputs)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"deny", "warn", "never"}, o.failOn) {
		return fmt.Errorf("--fail-on %.80q: must be deny, warn or never", o.failOn)
	}
	if o.mode != "" && !slices.Contains(verdict.Modes(), verdict.Mode(o.mode)) {
		return fmt.Errorf("--mode %.80q: must be enforce, warn or off", o.mode)
	}
	config, err := o.readConfig()
	if err != nil {
		return err
	}
	if verdict.Mode(o.mode) == verdict.ModeEnforce {
		// Of networks and subnets too, whose mode no label sets.
		config.DefaultMode = verdict.ModeEnforce
	}
	namespace, err := o.defaultNamespace()
	if err != nil {
		return err
	}
	contents, err := files.Survey(o.files, o.in)
	if err != nil {
		return err
	}
	world, torn, err := o.openWorld(contents.Objects, namespace, timeout)
	if err != nil {
		return err
	}
	if !o.live && world.NamesOnly() {
		fmt.Fprintln(o.err, "kubectl-macvlan: no NetworkAttachmentDefinition is known (--inventory, --live): networks are checked by their names, but not whether they exist")
	}
	if problem := o.clusterNetworkProblem(ctx, world.Inventory(), config); problem != nil {
		fmt.Fprintln(o.err, "kubectl-macvlan:", problem)
	}
	r, err := check.Objects(ctx, world, config, check.Options{Namespace: namespace, Mode: verdict.Mode(o.mode)})
	if err != nil {
		return err
	}
	// Where nobody could say that something is not known, it would pass for not there.
	if err := world.Err(); err != nil {
		return err
	}
	if o.requireObjects && r.Checkable == 0 {
		return fmt.Errorf("nothing to check: no pod, pod template, network or subnet in %s (--require-objects)", report.Plural(r.Summary.Skipped, "object"))
	}
	r.Version, r.Summary.PassedOver = version, contents.PassedOver
	for _, output := range outputs {
		if err := output(o.out, r); err != nil {
			return err
		}
	}
	switch {
	case o.strict && torn > 0:
		return fmt.Errorf("%s in searched folders cannot be read (--strict)", report.Plural(torn, "document"))
	case o.failOn == "deny" && r.Summary.Denied > 0, o.failOn == "warn" && r.Summary.Denied+r.Summary.Warned > 0:
		return errFound
	}
	return nil
}

// given is how often a path is among those of several flags.
func given(path string, flags ...[]string) int {
	n := 0
	for _, p := range slices.Concat(flags...) {
		if p == path {
			n++
		}
	}
	return n
}

func (o *checkOptions) readConfig() (*config.Config, error) {
	if o.config == "" {
		return config.Default(), nil
	}
	text, err := os.ReadFile(o.config)
	if err != nil {
		return nil, err
	}
	config, err := policy.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("read configuration %q: %w", o.config, err)
	}
	return config, nil
}

// defaultNamespace is that of objects without one: the flag's, with --live the
// kubeconfig's, else default.
func (o *checkOptions) defaultNamespace() (string, error) {
	switch {
	case o.namespace != "":
		return o.namespace, nil
	case !o.live:
		return "default", nil
	}
	namespace, _, err := o.cluster.config().Namespace()
	return namespace, err
}

// openWorld is what the objects are judged against: those of --inventory, or
// the cluster's, and over either those of the checked files themselves. torn is the number of
// documents found in folders that are neither YAML nor JSON.
func (o *checkOptions) openWorld(objects []files.Object, namespace string, timeout time.Duration) (world *check.World, torn int, err error) {
	torn = broken(objects)
	if o.live {
		source, err := o.openCluster(timeout)
		if err != nil {
			return nil, 0, err
		}
		below := snapshot.Cluster(source, slog.New(slog.NewTextHandler(o.err, nil)))
		return &check.World{Checked: files.NewTree(namespace, objects, files.Alone), Cluster: below, Source: source}, torn, nil
	}
	held, err := files.Survey(o.inventory, o.in)
	if err != nil {
		return nil, 0, err
	}
	return &check.World{
		Checked: files.NewTree(namespace, objects, files.Alone),
		Held:    files.NewTree(namespace, held.Objects, ""),
	}, torn + broken(held.Objects), nil
}

// clusterNetworkProblem says that the network which the configuration names as the cluster's
// own is not there, as far as that is known.
func (o *checkOptions) clusterNetworkProblem(ctx context.Context, inv *snapshot.Inventory, c *config.Config) error {
	own := c.ClusterNetwork()
	if own == (object.Reference{}) {
		return nil
	}
	answer := inv.Facts(ctx, pod.Questions{Networks: []object.Reference{own}}).Networks[0]
	switch {
	case answer.Value != nil || answer.Err != nil || answer.Unknown:
		return nil
	case o.live:
		return inventory.NoClusterNetwork(own)
	default:
		return inventory.ClusterNetworkProblem(c, inv.Networks(ctx), false)
	}
}

// broken is the number of documents found in folders that are neither YAML nor JSON.
func broken(objects []files.Object) int {
	n := 0
	for i := range objects {
		if f := objects[i].Fault; f != nil && f.Broken && f.Searched {
			n++
		}
	}
	return n
}

// openCluster is where what there is without the checked files can be read.
func (o *checkOptions) openCluster(timeout time.Duration) (snapshot.Source, error) {
	config, err := o.cluster.client()
	if err != nil {
		return nil, err
	}
	return cluster.NewObjects(config, timeout)
}

// output is one -o: it writes a report to its file, or to standard output.
type output func(stdout io.Writer, r *report.Report) error

func parseOutputs(texts []string) ([]output, error) {
	var outputs []output
	toStdout := 0
	for _, text := range texts {
		name, file, toFile := strings.Cut(text, "=")
		form, err := report.ByName(name)
		if err != nil {
			return nil, err
		}
		if !toFile {
			if toStdout++; toStdout > 1 {
				return nil, errors.New("more than one -o without =FILE: standard output takes only one report")
			}
			outputs = append(outputs, output(form))
			continue
		}
		if file == "" {
			return nil, fmt.Errorf("-o %.80q: the file name after = is missing", text)
		}
		outputs = append(outputs, func(_ io.Writer, r *report.Report) error { return writeFile(file, form, r) })
	}
	return outputs, nil
}

func writeFile(name string, form report.Writer, r *report.Report) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(form(f, r), f.Close())
}
