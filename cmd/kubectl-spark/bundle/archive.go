// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	// Dir is the archive's only directory.
	Dir = "spark-support"
	// MaxFile bounds each file; more is cut off, and said to be.
	MaxFile = 4 << 20
)

// Archive is a .tar.gz that is being written. It is not safe for concurrent use.
type Archive struct {
	packed *gzip.Writer
	files  *tar.Writer
	now    time.Time
	// Missing is what could not be had, and why.
	Missing []string
	names   []string
}

// New begins one; now is the time of its files.
func New(to io.Writer, now time.Time) *Archive {
	packed := gzip.NewWriter(to)
	return &Archive{packed: packed, files: tar.NewWriter(packed), now: now}
}

// Add writes a text, redacted.
func (a *Archive) Add(name, text string) error {
	text = Text(cut(text))
	a.names = append(a.names, name)
	err := a.files.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: Dir + "/" + name, Mode: 0o600, Size: int64(len(text)), ModTime: a.now, Format: tar.FormatPAX,
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.files, text)
	return err
}

// cut bounds a text. It ends with a whole line where it has any: half a key would not look like one.
func cut(text string) string {
	if len(text) <= MaxFile {
		return text
	}
	text = text[:MaxFile]
	if end := strings.LastIndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	return text + "\n[cut off]\n"
}

// AddObjects writes objects of Kubernetes as YAML, each redacted. What cannot be written is Missing.
func (a *Archive) AddObjects(name string, objects []any) error {
	var out strings.Builder
	for _, o := range objects {
		raw, err := json.Marshal(o)
		if err != nil {
			return err
		}
		object := map[string]any{}
		if err := json.Unmarshal(raw, &object); err != nil {
			return err
		}
		Object(object)
		text, err := yaml.Marshal(object)
		if err != nil {
			return err
		}
		out.WriteString("---\n" + string(text))
	}
	return a.Add(name, out.String())
}

// AddJSON writes what a pod told.
func (a *Archive) AddJSON(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return a.Add(name, string(text)+"\n")
}

// Miss notes what could not be had.
func (a *Archive) Miss(what string, why error) {
	a.Missing = append(a.Missing, Text(fmt.Sprintf("%s: %v", what, why)))
}

// Close writes about.txt, which begins so and lists what is there and what is missing, and ends the archive.
func (a *Archive) Close(about string) error {
	text := about + "\nFiles:\n"
	for _, name := range a.names {
		text += "  " + name + "\n"
	}
	if len(a.Missing) > 0 {
		text += "\nMissing:\n"
	}
	for _, m := range a.Missing {
		text += "  " + strings.Join(strings.Fields(m), " ") + "\n"
	}
	if err := a.Add("about.txt", text); err != nil {
		return err
	}
	if err := a.files.Close(); err != nil {
		return err
	}
	return a.packed.Close()
}
