// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
	"github.com/sparkgateway/spark/gateway/config"
)

// question is what explain was asked.
type question struct {
	origin
	paths                     []string
	gateway, pod, key, output string
	path, method              string
	headers                   []string
}

func explainCommand() *cobra.Command {
	q := question{}
	cmd := &cobra.Command{
		Use:   "explain -f REQUEST [-f PATH... | --gateway NAME]",
		Short: "Say what a gateway would do with a request, and why",
		Long: `Say what a gateway would do with a request, and why: whose it is, which limits it is under, which route it takes and
which were passed over, and which targets would be tried, in order. The gateway's own code says so. Nothing is sent to a
provider, and nothing is taken from any limit.

With manifests among -f the answer is that of a gateway that has just started on them, offline; Secrets that are not there
are made up. Else --gateway names one in a cluster, and one of its pods is asked what it knows now: breakers, quotas, what
is left of limits. That takes the rights to read the Secret NAME-spark-admin, to list pods and to forward ports to them.`,
		Example: `  kubectl spark explain -f request.json -f config/samples/full --gateway default/main --key alice
  echo '{"model": "smart", "messages": [{"role": "user", "content": "Hi"}]}' | kubectl spark explain -f - --gateway main
  kubectl spark explain --path /v1/messages -H 'X-Tier: gold' -f request.json --gateway main -n team -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return q.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&q.paths, "filename", "f", nil,
		"the request's body: a file without a kind, or - for standard input; and manifests: files with kinds, directories; repeatable")
	gatewayFlag(cmd, &q.gateway, "name of the SparkGateway; with manifests namespace/name (default: the only one)")
	flags.StringVar(&q.pod, "pod", "", "name of the pod to ask (default: one that is ready)")
	flags.StringVar(&q.key, "key", "", "namespace/name or name of the APIKey (default: the one in -H, else the first)")
	flags.StringVar(&q.path, "path", config.ExplainDefaultPath, "path of the endpoint, with its query if any")
	flags.StringVar(&q.method, "method", "", "method (default: POST with a body, else GET)")
	flags.StringArrayVarP(&q.headers, "header", "H", nil, "header field of the request, 'Name: value'; repeatable")
	q.flags(cmd, "the SparkGateway")
	outputFlag(cmd, &q.output, "text", "json", "yaml")
	_ = cmd.RegisterFlagCompletionFunc("key", complete(&v1alpha1.APIKeyList{}))
	_ = cmd.RegisterFlagCompletionFunc("pod", completePods)
	return cmd
}

// answer is what is printed: the explanation, and who gave it.
type answer struct {
	config.Explanation
	// Gateway is "namespace/name", Pod the name of the one that was asked; empty offline.
	Gateway string `json:"gateway"`
	Pod     string `json:"pod,omitempty"`
}

func (q question) run(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
	if err := screen.Check(q.output, "text", "json", "yaml"); err != nil {
		return err
	}
	asked, manifests, err := q.read(stdin)
	if err != nil {
		return err
	}
	var told answer
	switch {
	case len(manifests) > 0 && (q.pod != "" || q.kubeconfig != "" || q.context != "" || q.space != ""):
		return errors.New("--pod, --kubeconfig, --context and --namespace are for a cluster; with manifests no cluster is asked")
	case len(manifests) > 0:
		told, err = q.offline(manifests, asked, stderr)
	case q.gateway == "":
		return errors.New("which gateway? Give manifests with -f, or name one in a cluster with --gateway")
	default:
		told, err = q.live(ctx, asked)
	}
	if err != nil {
		return err
	}
	return told.print(q.output, stdout)
}

// live asks a pod.
func (q question) live(ctx context.Context, asked config.ExplainRequest) (answer, error) {
	cluster, err := q.connect()
	if err != nil {
		return answer{}, err
	}
	explanation, pod, err := cluster.Explain(ctx, q.gateway, q.pod, asked)
	return answer{Explanation: explanation, Gateway: cluster.Namespace + "/" + q.gateway, Pod: pod}, err
}

func (a answer) print(output string, to io.Writer) error {
	if ok, err := (screen.Screen{Writer: to}).Show(output, a); ok {
		return err
	}
	_, err := to.Write(a.text())
	return err
}

// read makes the request of the flags, and tells manifests and its body apart.
func (q question) read(stdin io.Reader) (asked config.ExplainRequest, manifests []string, err error) {
	asked = config.ExplainRequest{Path: q.path, Method: q.method, Key: q.key}
	for _, h := range q.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || name == "" {
			return asked, nil, errors.New("-H: write 'Name: value'")
		}
		asked.Headers = append(asked.Headers, config.Header{Name: name, Value: strings.TrimSpace(value)})
	}
	body := ""
	for _, path := range q.paths {
		content, is, err := bodyAt(path, stdin)
		switch {
		case err != nil:
			return asked, nil, err
		case !is:
			manifests = append(manifests, path)
		case body != "":
			return asked, nil, fmt.Errorf("-f: %s and %s are two requests: give one", body, path)
		default:
			body, asked.Body = path, content
		}
	}
	if body == "" && q.path == config.ExplainDefaultPath {
		return asked, nil, errors.New("-f: no request: name a JSON file, or - for standard input")
	}
	return asked, manifests, nil
}

// hasKind finds what makes YAML a manifest.
var hasKind = regexp.MustCompile(`(?m)^kind:\s*\S`)

// bodyAt reads a request's body; false where there are manifests.
func bodyAt(path string, stdin io.Reader) ([]byte, bool, error) {
	var content []byte
	var err error
	if path == manifest.Stdin {
		content, err = io.ReadAll(io.LimitReader(stdin, maxBody+1))
	} else {
		at, found := os.Stat(path)
		switch {
		case found != nil:
			return nil, false, found
		case at.IsDir(), slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)):
			return nil, false, nil
		}
		content, err = readUpTo(path, maxBody+1)
	}
	if err != nil {
		return nil, false, err
	}
	var object struct {
		Kind any `json:"kind"`
	}
	if path != manifest.Stdin && (json.Unmarshal(content, &object) == nil && object.Kind != nil || hasKind.Match(content)) {
		return nil, false, nil
	}
	if len(content) > maxBody {
		return nil, false, fmt.Errorf("-f %s: a request of more than %d bytes", path, maxBody)
	}
	if len(content) == 0 {
		return nil, false, fmt.Errorf("-f %s: the request is empty", path)
	}
	return content, true, nil
}

// maxBody bounds a request's body, as the gateways' administrative listener does.
const maxBody = 20 << 20

func readUpTo(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, most))
	return content, cmp.Or(err, file.Close())
}
