// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// document is one YAML document of a file.
type document struct {
	file string
	// line of the file that the text begins at.
	line int
	text []byte
	// root is parsed when a line is first asked for, which only problems do.
	root *yaml.Node
}

// split cuts a file at its "---" lines, keeping count of lines.
func split(f File) []*document {
	var docs []*document
	begin, line, next := 0, 1, 1
	cut := func(end int) {
		if text := f.Content[begin:end]; len(bytes.TrimSpace(text)) > 0 {
			docs = append(docs, &document{file: f.Name, line: line, text: text})
		}
	}
	for at := 0; at < len(f.Content); next++ {
		end := len(f.Content)
		if i := bytes.IndexByte(f.Content[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if isSeparator(f.Content[at:end]) {
			cut(at)
			begin, line = end, next+1
		}
		at = end
	}
	cut(len(f.Content))
	return docs
}

// isSeparator says whether the line ends a document; a comment may follow the dashes.
func isSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	if !ok {
		return false
	}
	rest = bytes.TrimSpace(rest)
	return len(rest) == 0 || rest[0] == '#'
}

var (
	yamlLine = regexp.MustCompile(`line (\d+)`)
	// yamlValue is how the parser quotes a value, which may be a Secret's.
	yamlValue = regexp.MustCompile("`[^`]*`")
)

// json converts as the API server does, and refuses repeated keys as its strict validation does. A nil result is an
// empty document. The error is a Problem's reason without values; line is where it happened.
func (d *document) json() (encoded []byte, line int, err error) {
	encoded, err = sigsyaml.YAMLToJSONStrict(d.text)
	if err == nil {
		if bytes.Equal(encoded, []byte("null")) {
			return nil, 0, nil
		}
		return encoded, 0, nil
	}
	reason, line := oneLine(err.Error()), 0
	reason = strings.TrimPrefix(strings.TrimPrefix(reason, "error converting YAML to JSON: "), "yaml: ")
	reason = yamlValue.ReplaceAllString(reason, "a value")
	reason = yamlLine.ReplaceAllStringFunc(reason, func(s string) string {
		n, _ := strconv.Atoi(strings.TrimPrefix(s, "line "))
		// The parser may count one beyond the end.
		n = d.line - 1 + min(n, 1+bytes.Count(bytes.TrimRight(d.text, "\n"), []byte("\n")))
		line = cmp.Or(line, n)
		return "line " + strconv.Itoa(n)
	})
	return nil, cmp.Or(line, d.first()), errors.New("not valid YAML: " + reason)
}

// first is the line of the first thing that is neither blank nor a comment.
func (d *document) first() int {
	line := d.line
	for text := range bytes.Lines(d.text) {
		if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] != '#' {
			return line
		}
		line++
	}
	return d.line
}

// lineOf is the line of the deepest part of the field's path that stands in the document.
func (d *document) lineOf(field string) int {
	if d.root == nil {
		d.root = &yaml.Node{}
		_ = yaml.Unmarshal(d.text, d.root)
	}
	if len(d.root.Content) == 0 {
		return d.first()
	}
	node, line := d.root.Content[0], d.root.Content[0].Line
	for _, step := range steps(field) {
		key, value := child(node, step)
		if value == nil {
			break
		}
		node, line = value, key.Line
	}
	return d.line + line - 1
}

// steps cuts "spec.models[0].name" into spec, models, 0, name.
func steps(field string) []string {
	return strings.FieldsFunc(field, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// child gives the node that bears the line of a step, and its value.
func child(node *yaml.Node, step string) (key, value *yaml.Node) {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i], node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
	}
	return nil, nil
}
