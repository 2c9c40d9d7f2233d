// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package prices

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/api/v1alpha1"
)

// Documents are the ProviderPolicies of manifests, as they were written. Nothing else of the manifests is kept: they may hold
// Secrets.
type Documents struct{ nodes []*yaml.Node }

// Read finds the ProviderPolicies of a file, in lists too. The error holds nothing of it.
func (d *Documents) Read(content []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New("not valid YAML")
		}
		if len(doc.Content) > 0 {
			d.keep(doc.Content[0])
		}
	}
}

func (d *Documents) keep(object *yaml.Node) {
	if items := at(object, "items"); items != nil && items.Kind == yaml.SequenceNode {
		for _, item := range items.Content {
			d.keep(item)
		}
		return
	}
	if kind := at(object, "kind"); kind != nil && kind.Value == v1alpha1.KindProviderPolicy {
		d.nodes = append(d.nodes, object)
	}
}

// Policies are the resources of the documents, in their order.
func (d *Documents) Policies() ([]v1alpha1.ProviderPolicy, error) {
	all := make([]v1alpha1.ProviderPolicy, 0, len(d.nodes))
	for _, node := range d.nodes {
		var value any
		var policy v1alpha1.ProviderPolicy
		err := node.Decode(&value)
		if err == nil {
			var encoded []byte
			if encoded, err = json.Marshal(value); err == nil {
				err = json.Unmarshal(encoded, &policy)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: not a ProviderPolicy", node.Line)
		}
		if policy.Namespace == "" {
			policy.Namespace = manifest.DefaultNamespace
		}
		all = append(all, policy)
	}
	return all, nil
}

// Set writes the prices of findings that are new or changed into the document of a place among Policies. Comments stay.
func (d *Documents) Set(place int, findings []Finding) error {
	models := at(at(d.nodes[place], "spec"), "models")
	for _, f := range findings {
		if f.State != New && f.State != Changed {
			continue
		}
		if models == nil || models.Kind != yaml.SequenceNode || f.Index >= len(models.Content) || models.Content[f.Index].Kind != yaml.MappingNode {
			return fmt.Errorf("%s: its models are not written as a list", f.Provider)
		}
		model := models.Content[f.Index]
		price := at(model, "price")
		if price == nil || price.Kind != yaml.MappingNode {
			price = &yaml.Node{Kind: yaml.MappingNode, Style: model.Style & yaml.FlowStyle}
			set(model, "price", price)
		}
		for _, field := range fields(f.New) {
			set(price, field[0], &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: field[1]})
		}
	}
	return nil
}

// fields are those of a price that say something.
func fields(p *v1alpha1.ModelPrice) [][2]string {
	all := [][2]string{{"inputPerMillion", string(p.InputPerMillion)}, {"outputPerMillion", string(p.OutputPerMillion)}}
	for _, f := range [][2]string{
		{"cachedInputPerMillion", string(p.CachedInputPerMillion)}, {"cacheWritePerMillion", string(p.CacheWritePerMillion)},
		{"perRequest", string(p.PerRequest)},
	} {
		if f[1] != "" {
			all = append(all, f)
		}
	}
	return all
}

// YAML gives the documents.
func (d *Documents) YAML() ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	for _, node := range d.nodes {
		if err := encoder.Encode(node); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), encoder.Close()
}

// at gives the value of a field of a map; nil where there is none.
func at(node *yaml.Node, field string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == field {
			return node.Content[i+1]
		}
	}
	return nil
}

// set replaces or adds a field of a map, with the comments that its value had.
func set(node *yaml.Node, field string, value *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == field {
			old := node.Content[i+1]
			value.LineComment, value.HeadComment, value.FootComment = old.LineComment, old.HeadComment, old.FootComment
			node.Content[i+1] = value
			return
		}
	}
	node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: field}, value)
}
