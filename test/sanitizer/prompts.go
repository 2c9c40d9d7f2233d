// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// prompt is one row of prompts.jsonl.
type prompt struct {
	Text   string `json:"text"`
	Label  string `json:"label"`
	Source string `json:"source"`
	Kind   string `json:"kind"`
	attack bool
	// core says that the text alone can show what it is.
	core bool
	// group joins sources that are much alike: they are left out together.
	group string
}

// beyondCore are the kinds whose text alone hardly shows the attack, or is ambiguous.
var beyondCore = []string{"jailbreak-llm-roleplay", "jailbreak-adv-suffix", "discusses-injection"}

// readPrompts reads the rows, and the digest of the file.
func readPrompts(dir string) (rows []prompt, digest string, err error) {
	file, err := os.ReadFile(filepath.Join(dir, "prompts.jsonl"))
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(file)
	lines := bufio.NewScanner(strings.NewReader(string(file)))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var p prompt
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return nil, "", fmt.Errorf("row %d: %w", len(rows)+1, err)
		}
		p.attack = p.Label == "attack"
		p.core = !slices.Contains(beyondCore, p.Kind)
		p.group = groupOf(p.Source)
		rows = append(rows, p)
	}
	return rows, hex.EncodeToString(sum[:]), lines.Err()
}

func groupOf(source string) string {
	for prefix, group := range map[string]string{"github:": "repositories", "arena-hard": "arena-hard"} {
		if strings.HasPrefix(source, prefix) {
			return group
		}
	}
	return source
}

// artefacts are the words by which a contest or a game tells itself: to know them is to know the source, not the attack.
var artefacts = regexp.MustCompile(`(?i)pa?wn(ed|d)?|\bpw\b|wned|level \d+ instructions`)

// forget takes the artefacts from a text that is trained on.
func forget(text string) string { return artefacts.ReplaceAllString(text, "thing") }
