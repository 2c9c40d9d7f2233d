// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/cmd/kubectl-spark/screen"
)

// Look is how a tree is drawn.
type Look struct {
	Screen screen.Screen
	// ASCII draws without Unicode.
	ASCII bool
	// Most is how many of a kind are shown below a gateway, those that are not Ready first; 0 shows all.
	Most int
}

var titles = map[string]string{
	KindPod: "Pods", v1alpha1.KindProviderPolicy: "Providers", v1alpha1.KindModelRoute: "Routes", v1alpha1.KindAPIKey: "Keys",
	v1alpha1.KindUsagePolicy: "Policies",
}

// Text draws gateways as trees. Why something is not Ready stands on the lines below it, whole.
func Text(nodes []Node, l Look) string {
	var out strings.Builder
	for i := range nodes {
		if i > 0 {
			out.WriteByte('\n')
		}
		l.gateway(&out, &nodes[i])
	}
	return out.String()
}

func (l Look) gateway(out *strings.Builder, n *Node) {
	l.line(out, "", "", n, "SparkGateway "+n.Namespace+"/"+n.Name)
	var groups [][]Node
	for _, kind := range Kinds {
		var group []Node
		for i := range n.Below {
			if n.Below[i].Kind == kind {
				group = append(group, n.Below[i])
			}
		}
		if len(group) > 0 {
			groups = append(groups, group)
		}
	}
	for i, group := range groups {
		branch, stem := l.guides(i == len(groups)-1)
		fmt.Fprintf(out, "%s%s %s\n", branch, titles[group[0].Kind], count(group))
		shown := group
		if l.Most > 0 && len(group) > l.Most {
			shown = group[:l.Most]
		}
		for j := range shown {
			name := shown[j].Name
			if shown[j].Namespace != n.Namespace {
				name = shown[j].Namespace + "/" + name
			}
			twig, below := l.guides(j == len(group)-1)
			l.line(out, stem+twig, stem+below, &shown[j], name)
		}
		if more := len(group) - len(shown); more > 0 {
			twig, _ := l.guides(true)
			fmt.Fprintf(out, "%s%s%d more; --limit 0 shows all\n", stem, twig, more)
		}
	}
}

// guides lead to a node, and past it to what is below.
func (l Look) guides(last bool) (to, past string) {
	switch {
	case l.ASCII && last:
		return "`- ", "   "
	case l.ASCII:
		return "|- ", "|  "
	case last:
		return "└─ ", "   "
	}
	return "├─ ", "│  "
}

// count says how many there are and, unless that is all, how many are Ready.
func count(group []Node) string {
	ready := 0
	for i := range group {
		if group[i].State == Ready {
			ready++
		}
	}
	if ready == len(group) {
		return fmt.Sprint(ready)
	}
	return fmt.Sprintf("%d of %d ready", ready, len(group))
}

var tones = map[string]screen.Tone{Ready: screen.Good, NotReady: screen.Bad, Unknown: screen.Doubtful, Off: screen.Faint}

func (l Look) line(out *strings.Builder, to, past string, n *Node, name string) {
	state := n.State
	if n.Reason != "" {
		state += " " + screen.Plain(n.Reason)
	}
	head := to + screen.Plain(name) + "  "
	width := utf8.RuneCountInString(head + state)
	out.WriteString(head + l.Screen.Paint(state, tones[n.State]))
	if detail := screen.Plain(n.Detail); detail != "" {
		const least = 12
		out.WriteString("  " + l.Screen.Paint(screen.Cut(detail, max(l.Screen.Width-width-2, least)), screen.Faint))
	}
	out.WriteByte('\n')
	if n.Message == "" {
		return
	}
	if len(n.Below) > 0 {
		_, past = l.guides(false)
	}
	l.wrap(out, past+"  ", screen.Plain(n.Message))
}

// wrap breaks a text between words.
func (l Look) wrap(out *strings.Builder, indent, text string) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		if line != indent && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > l.Screen.Width {
			out.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	out.WriteString(line + "\n")
}
