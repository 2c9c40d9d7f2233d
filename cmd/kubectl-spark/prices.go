// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/live"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/prices"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
)

// importing is what prices import was asked.
type importing struct {
	origin
	paths, providers []string
	output           string
	dryRun           bool

	list      *prices.List
	manifests []string
	// keys are what the list calls providers, by "name" or "namespace/name".
	keys map[string]string
}

func pricesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "prices", Short: "Say what models cost", Args: cobra.NoArgs}
	cmd.AddCommand(pricesImportCommand())
	return cmd
}

func pricesImportCommand() *cobra.Command {
	i := importing{}
	cmd := &cobra.Command{
		Use:   "import -f LIST [-f MANIFESTS...]",
		Short: "Take the prices of models from a list into ProviderPolicies",
		Long: `Take the prices of models from a list into ProviderPolicies: a JSON file in the format of LiteLLM's
model_prices_and_context_window.json, which is not downloaded. Only models that a ProviderPolicy lists get a price, by the name
that the provider calls them; what the list does not say stays. A line for each model says what became of it.

With manifests among -f, the ProviderPolicies in them are printed as they should be, and the lines go to standard error. Else
those of a namespace of the cluster are changed, and printed with -o yaml; --dry-run only lets the API server check that.

What a list calls a provider follows from its type; for others, as of type OpenAICompatible, --provider says it.`,
		Example: `  kubectl spark prices import -f prices.json -f config/providers > updated.yaml
  kubectl spark prices import -f prices.json -n team --provider groq=groq --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return i.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	filesFlag(cmd, &i.paths, "the list: a JSON file without a kind; and manifests: files with kinds, directories; repeatable")
	flags := cmd.Flags()
	flags.StringArrayVar(&i.providers, "provider", nil, "what the list calls a provider (litellm_provider), name=key or namespace/name=key; repeatable")
	flags.BoolVar(&i.dryRun, "dry-run", false, "let the API server check the changes, and make none")
	i.flags(cmd, "the ProviderPolicies")
	outputFlag(cmd, &i.output, "text", "yaml")
	return cmd
}

func (i importing) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := i.read(); err != nil {
		return err
	}
	if len(i.manifests) > 0 {
		return i.offline(stdout, stderr)
	}
	settings, namespace, err := live.Settings(live.Options{Kubeconfig: i.kubeconfig, Context: i.context, Namespace: i.space})
	if err != nil {
		return err
	}
	clients, err := dynamic.NewForConfig(settings)
	if err != nil {
		return err
	}
	report := stdout
	if i.output == "yaml" {
		report = stderr
	}
	changed, err := i.apply(ctx, clients.Resource(v1alpha1.GroupVersion.WithResource("providerpolicies")).Namespace(namespace), report)
	if i.output == "yaml" && len(changed) > 0 {
		_, printed := io.WriteString(stdout, strings.Join(changed, "---\n"))
		err = errors.Join(err, printed)
	}
	return err
}

// maxList bounds a list of prices.
const maxList = 64 << 20

// read checks the flags, and tells the list and manifests apart.
func (i *importing) read() error {
	if err := screen.Check(i.output, "text", "yaml"); err != nil {
		return err
	}
	i.keys = map[string]string{}
	for _, p := range i.providers {
		name, key, ok := strings.Cut(p, "=")
		if !ok || name == "" || key == "" {
			return fmt.Errorf("--provider %s: write name=key", p)
		}
		i.keys[name] = key
	}
	for _, path := range i.paths {
		content, err := listAt(path)
		switch {
		case err != nil:
			return err
		case content == nil:
			i.manifests = append(i.manifests, path)
			continue
		case i.list != nil:
			return fmt.Errorf("-f %s: there are two lists: give one", path)
		}
		if i.list, err = prices.Parse(content); err != nil {
			return fmt.Errorf("-f %s: %w", path, err)
		}
	}
	switch {
	case i.list == nil:
		return errors.New("-f: no list of prices: name a JSON file")
	case len(i.manifests) > 0 && (i.dryRun || i.space != "" || i.kubeconfig != "" || i.context != ""):
		return errors.New("--dry-run, --namespace, --kubeconfig and --context are for a cluster; with manifests no cluster is asked")
	}
	return nil
}

// listAt reads a list of prices; nil where there are manifests.
func listAt(path string) ([]byte, error) {
	if path == manifest.Stdin {
		return nil, errors.New("-f -: name files")
	}
	at, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if at.IsDir() || slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)) {
		return nil, nil
	}
	content, err := readUpTo(path, maxList+1)
	if err != nil {
		return nil, err
	}
	if len(content) > maxList {
		return nil, fmt.Errorf("-f %s: a list of more than %d bytes", path, maxList)
	}
	var object struct {
		Kind any `json:"kind"`
	}
	if json.Unmarshal(content, &object) == nil && object.Kind != nil || hasKind.Match(content) {
		return nil, nil
	}
	return content, nil
}

// plan compares a provider with the list.
func (i importing) plan(p *v1alpha1.ProviderPolicy) []prices.Finding {
	for _, name := range []string{p.Namespace + "/" + p.Name, p.Name} {
		if key, ok := i.keys[name]; ok {
			return i.list.Plan(p, []string{key})
		}
	}
	return i.list.Plan(p, prices.Keys(p.Spec.Type))
}

// offline prints the ProviderPolicies of manifests with their prices.
func (i importing) offline(stdout, stderr io.Writer) error {
	files, err := manifest.Read(i.manifests, nil)
	if err != nil {
		return err
	}
	documents := &prices.Documents{}
	for _, f := range files {
		if err := documents.Read(f.Content); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	policies, err := documents.Policies()
	if err != nil {
		return err
	}
	for place := range policies {
		findings := i.plan(&policies[place])
		if err := documents.Set(place, findings); err != nil {
			return err
		}
		if err := tell(stderr, &policies[place], findings); err != nil {
			return err
		}
	}
	text, err := documents.YAML()
	if err != nil {
		return err
	}
	_, err = stdout.Write(text)
	return err
}

// tell says a line for each model.
func tell(to io.Writer, p *v1alpha1.ProviderPolicy, findings []prices.Finding) error {
	if len(findings) == 0 {
		_, err := fmt.Fprintf(to, "%s/%s: lists no models\n", p.Namespace, p.Name)
		return err
	}
	for _, f := range findings {
		if _, err := fmt.Fprintln(to, screen.Printable(f.String())); err != nil {
			return err
		}
	}
	return nil
}

// apply changes the ProviderPolicies of a namespace, and gives those that changed as YAML. It goes on where one is refused,
// and says so in the end.
func (i importing) apply(ctx context.Context, policies dynamic.ResourceInterface, report io.Writer) (changed []string, err error) {
	list, err := policies.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, item := range list.Items {
		var p v1alpha1.ProviderPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &p); err != nil {
			return changed, err
		}
		findings := i.plan(&p)
		if err := tell(report, &p, findings); err != nil {
			return changed, err
		}
		text, err := i.patch(ctx, policies, &p, findings)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s/%s: %w", p.Namespace, p.Name, err))
		}
		if text != "" {
			changed = append(changed, text)
		}
	}
	return changed, errors.Join(failed...)
}

// operation is one of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// patch sets prices, if the resource is still as it was read, and gives what it then is; empty where nothing changes.
func (i importing) patch(ctx context.Context, policies dynamic.ResourceInterface, p *v1alpha1.ProviderPolicy, findings []prices.Finding) (string, error) {
	operations := []operation{{"test", "/metadata/resourceVersion", p.ResourceVersion}}
	for _, f := range findings {
		if f.State == prices.New || f.State == prices.Changed {
			operations = append(operations, operation{"add", fmt.Sprintf("/spec/models/%d/price", f.Index), f.New})
		}
	}
	if len(operations) == 1 {
		return "", nil
	}
	body, err := json.Marshal(operations)
	if err != nil {
		return "", err
	}
	options := metav1.PatchOptions{FieldManager: "kubectl-spark-prices", FieldValidation: metav1.FieldValidationStrict}
	if i.dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	patched, err := policies.Patch(ctx, p.Name, types.JSONPatchType, body, options)
	if err != nil {
		return "", err
	}
	patched.SetManagedFields(nil)
	delete(patched.Object, "status")
	text, err := yaml.Marshal(patched.Object)
	return string(text), err
}
