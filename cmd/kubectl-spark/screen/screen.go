// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package screen shows what commands have found: as tables for people, with colours where they can be seen, and as JSON or YAML
// for programs.
package screen

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
	"sigs.k8s.io/yaml"
)

// Width is how many characters a line has where nobody says: what is not a terminal has no width.
const Width = 100

// Screen is what a command writes to.
type Screen struct {
	io.Writer
	// Width of a line, in characters.
	Width int
	// Color says whether Paint does anything, Terminal whether somebody looks on.
	Color, Terminal bool
}

// On looks what a writer is. Colours are for terminals, and not where NO_COLOR is set (no-color.org) or TERM is dumb.
func On(out io.Writer, env func(string) string) Screen {
	s := Screen{Writer: out, Width: Width}
	file, ok := out.(*os.File)
	if !ok {
		return s
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		return s
	}
	return Screen{Writer: out, Width: width, Terminal: true, Color: env("NO_COLOR") == "" && env("TERM") != "dumb"}
}

// Tone is the meaning of a colour.
type Tone int

// The tones.
const (
	None Tone = iota
	Good
	Bad
	Doubtful
	Faint
)

var codes = map[Tone]string{Good: "32", Bad: "31", Doubtful: "33", Faint: "2"}

// Paint gives a text its colour.
func (s Screen) Paint(text string, tone Tone) string {
	if !s.Color || codes[tone] == "" || text == "" {
		return text
	}
	return "\x1b[" + codes[tone] + "m" + text + "\x1b[0m"
}

// Clear empties a terminal.
func (s Screen) Clear() error {
	if !s.Terminal {
		return nil
	}
	_, err := io.WriteString(s, "\x1b[H\x1b[2J")
	return err
}

// Show writes a value as JSON or YAML; ok is false for any other format.
func (s Screen) Show(format string, value any) (ok bool, err error) {
	switch format {
	case "json":
		encoder := json.NewEncoder(s)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return true, encoder.Encode(value)
	case "yaml":
		text, err := yaml.Marshal(value)
		if err != nil {
			return true, err
		}
		_, err = s.Write(text)
		return true, err
	}
	return false, nil
}

// Check gives the error of a format that is none of those that are known.
func Check(format string, known ...string) error {
	if slices.Contains(known, format) {
		return nil
	}
	last := len(known) - 1
	return fmt.Errorf("-o %s: %s and %s are known", format, strings.Join(known[:last], ", "), known[last])
}

// Printable replaces what a terminal might obey: names and messages may be anybody's.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || 0x80 <= r && r < 0xa0 || r == utf8.RuneError {
			return '?'
		}
		return r
	}, text)
}

// Plain is a text that is Printable and on one line.
func Plain(text string) string { return Printable(strings.Join(strings.Fields(text), " ")) }

// Cut leaves so many characters of a text, the first ones.
func Cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:max(most-3, 0)]) + "..."
}

// CutMiddle leaves so many characters of a name, whose end tells it apart as well as its beginning does.
func CutMiddle(name string, most int) string {
	runes := []rune(name)
	if len(runes) <= most {
		return name
	}
	kept := max(most-3, 0)
	return string(runes[:kept/3]) + "..." + string(runes[len(runes)-(kept-kept/3):])
}

// Age is how long ago something was, in the largest unit that it has one of.
func Age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}
