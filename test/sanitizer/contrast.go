// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed" // the templates are files
	"maps"
	"slices"
	"strings"
)

// Contrasts are texts of our own, made from templates, that teach what the data lacks: roles that are only roles, prompts
// and rules that are only spoken of, and the same words in attacks. They are trained on, never measured.

// ours is the source of the contrasts.
const ours = "contrast"

//go:embed contrast.txt
var contrastText string

// contrasts are the texts of the templates, as a source of their own.
func contrasts() []prompt {
	slots := map[string][]string{}
	var templates []prompt
	for line := range strings.Lines(contrastText) {
		line = strings.TrimSpace(line)
		head, body, ok := strings.Cut(line, ": ")
		switch {
		case line == "" || strings.HasPrefix(line, "//"):
		case !ok:
			panic("contrast.txt: " + line)
		case strings.HasPrefix(head, "$"):
			slots[head] = strings.Split(body, " | ")
		case head == "attack" || head == "benign":
			templates = append(templates, prompt{Label: head, Text: body})
		default:
			panic("contrast.txt: " + line)
		}
	}
	var all []prompt
	for t, template := range templates {
		for n := range variants {
			text, slotted := template.Text, false
			for s, name := range sorted(slots) {
				values := slots[name]
				for k := 0; strings.Contains(text, name); k++ {
					text = strings.Replace(text, name, values[(n*7+t*13+s*5+k*3)%len(values)], 1)
					slotted = true
				}
			}
			p := prompt{Text: strings.ReplaceAll(text, `\n`, "\n"), Label: template.Label, Source: ours, Kind: ours}
			p.attack, p.core, p.group = p.Label == "attack", true, ours
			all = append(all, p)
			if !slotted {
				break
			}
		}
	}
	if len(all) == 0 {
		panic("contrast.txt has no templates")
	}
	return all
}

// variants is how many texts are made of one template.
const variants = 10

func sorted(m map[string][]string) []string {
	return slices.Sorted(maps.Keys(m))
}
