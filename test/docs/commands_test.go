// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/api/v1alpha1"
)

var (
	section = regexp.MustCompile(`(?m)^## (.*)$`)
	flagRow = regexp.MustCompile("(?m)^\\| (?:`(-[a-zA-Z])`, )?`(--[a-z-]+)`")
)

// plugin gives the flags of each command of the plugin, as its reference has them, which is written from the commands.
func plugin(t *testing.T) map[string]map[string]bool {
	t.Helper()
	content, err := os.ReadFile(root + "/docs/kubectl-spark.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]bool{}
	heads := section.FindAllStringSubmatchIndex(string(content), -1)
	for i, head := range heads {
		end := len(content)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		flags := map[string]bool{"--help": true, "-h": true}
		for _, row := range flagRow.FindAllStringSubmatch(string(content[head[1]:end]), -1) {
			flags[row[1]], flags[row[2]] = true, true
		}
		all[string(content[head[2]:head[3]])] = flags
	}
	if len(all) < 15 {
		t.Fatalf("only %d commands", len(all))
	}
	return all
}

var (
	invocation = regexp.MustCompile(`(?:kubectl spark|bin/kubectl-spark)((?: [^|;)#\n]+)?)`)
	quotes     = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	makeCall   = regexp.MustCompile("(?:^|[^a-z-])make ([a-z][a-z0-9-]*)")
	target     = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
)

func TestEveryCommandOfThePluginThatAPageNamesIsThere(t *testing.T) {
	known := plugin(t)
	n := 0
	for _, p := range pages(t) {
		texts := p.spans()
		for _, b := range p.blocks {
			texts = append(texts, strings.ReplaceAll(b.code, "\\\n", ""))
		}
		for _, text := range texts {
			for _, m := range invocation.FindAllStringSubmatch(text, -1) {
				words := strings.Fields(quotes.ReplaceAllString(m[1], "X"))
				if len(words) == 0 || strings.HasPrefix(words[0], "-") || strings.HasPrefix(words[0], "_") || words[0] == "completion" {
					continue
				}
				command, rest := words[0], words[1:]
				if len(rest) > 0 && known[command+" "+rest[0]] != nil {
					command, rest = command+" "+rest[0], rest[1:]
				}
				n++
				flags, there := known[command]
				if !there && command != "keys" && command != "cache" {
					t.Errorf("%s: there is no %q", p.path, strings.TrimSpace(m[0]))
					continue
				}
				for _, word := range rest {
					if name, _, _ := strings.Cut(strings.Trim(word, "[]()."), "="); strings.HasPrefix(name, "-") && name != "-" && name != "--" && there && !flags[name] {
						t.Errorf("%s: %s has no flag %s", p.path, command, name)
					}
				}
			}
		}
	}
	if n < 80 {
		t.Errorf("only %d commands", n)
	}
}

func TestEveryTargetOfMakeThatAPageNamesIsThere(t *testing.T) {
	makefile, err := os.ReadFile(root + "/Makefile")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		known[m[1]] = true
	}
	n := 0
	for _, p := range pages(t) {
		texts := p.spans()
		for _, b := range p.blocks {
			if b.language == "sh" || b.language == "console" || b.language == "" {
				texts = append(texts, strings.Split(b.code, "\n")...)
			}
		}
		for _, text := range texts {
			command, _, _ := strings.Cut(text, "#")
			if m := makeCall.FindStringSubmatch(command); m != nil {
				n++
				if !known[m[1]] {
					t.Errorf("%s: make has no target %s", p.path, m[1])
				}
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d targets", n)
	}
}

// kinds gives an empty resource of each kind.
func kinds() map[string]any {
	return map[string]any{
		v1alpha1.KindSparkGateway: &v1alpha1.SparkGateway{}, v1alpha1.KindProviderPolicy: &v1alpha1.ProviderPolicy{},
		v1alpha1.KindModelRoute: &v1alpha1.ModelRoute{}, v1alpha1.KindAPIKey: &v1alpha1.APIKey{}, v1alpha1.KindUsagePolicy: &v1alpha1.UsagePolicy{},
	}
}

// What a page shows of resources has fields that there are; what is not whole, those of some kind.
func TestEveryManifestOfAPageCanBeRead(t *testing.T) {
	n := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.language != "yaml" {
				continue
			}
			for part := range strings.SplitSeq(b.code, "---\n") {
				n++
				if err := readable(part); err != nil {
					t.Errorf("%s: %v in\n%s", p.path, err, part)
				}
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d manifests", n)
	}
}

// readable says why a manifest, or a part of one from spec or below on, is none of Spark's.
func readable(manifest string) error {
	var about struct{ Kind string }
	if err := yaml.Unmarshal([]byte(manifest), &about); err != nil {
		return err
	}
	if into := kinds()[about.Kind]; into != nil || about.Kind != "" {
		if into == nil {
			return nil // somebody else's
		}
		return yaml.UnmarshalStrict([]byte(manifest), into)
	}
	if !strings.Contains(manifest, "spec:") {
		manifest = "spec:\n  " + strings.ReplaceAll(strings.TrimRight(manifest, "\n"), "\n", "\n  ")
	}
	var last error
	for _, into := range kinds() {
		if last = yaml.UnmarshalStrict([]byte(manifest), into); last == nil {
			return nil
		}
	}
	return last
}

func TestWhatIsNoManifestIsFound(t *testing.T) {
	tests := map[string]struct {
		manifest string
		want     bool
	}{
		"whole":                    {"apiVersion: sparkgateway.dev/v1alpha1\nkind: APIKey\nspec: {user: alice}\n", true},
		"whole, with a wrong name": {"kind: APIKey\nspec: {usr: alice}\n", false},
		"a part":                   {"circuitBreaker: {openFor: 2s}\ntimeouts: {connect: 1s}\n", true},
		"a part of no kind":        {"spec:\n  replicas: 2\n  user: alice\n", false},
		"no YAML":                  {"a: b: c", false},
		"another's":                {"kind: ConfigMap\nx: y\n", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := readable(tc.manifest); (err == nil) != tc.want {
				t.Error(err)
			}
		})
	}
}
