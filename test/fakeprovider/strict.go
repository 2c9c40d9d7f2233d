// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sort"
	"strings"
)

// stranger is a member of a request that the API does not have, or a tag that names no kind of a union.
type stranger struct {
	path []string // from the root; list indices as digits
	name string
	tag  bool // name is the value of "type", not a member
}

// union is a struct whose members depend on "type". The list names those that the kind has besides "type"; nil lets
// every member pass; false says that there is no such kind.
type union interface {
	members(kind string) ([]string, bool)
}

// decodeStrictly reads JSON into a struct and finds the first member, in alphabetical order, that the struct does not
// have. rename turns a member's name into the one that the struct has, where an API takes several spellings; nil
// changes nothing. Raw JSON, maps to any and any are taken as they are.
func decodeStrictly(body []byte, into any, rename func(string) string) (*stranger, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the JSON value")
	}
	if rename == nil {
		rename = func(name string) string { return name }
	}
	w := strictWalk{rename: rename}
	w.value(value, reflect.TypeOf(into).Elem(), nil)
	if w.found != nil {
		return w.found, nil
	}
	return nil, json.Unmarshal(marshal(value), into)
}

type strictWalk struct {
	rename func(string) string
	found  *stranger
}

var rawMessage = reflect.TypeFor[json.RawMessage]()

func (w *strictWalk) value(value any, t reflect.Type, path []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if w.found != nil || t == rawMessage {
		return
	}
	switch value := value.(type) {
	case []any:
		if t.Kind() != reflect.Slice {
			return
		}
		for i, item := range value {
			w.value(item, t.Elem(), append(path[:len(path):len(path)], fmt.Sprint(i)))
		}
	case map[string]any:
		switch t.Kind() {
		case reflect.Struct:
			w.object(value, t, path)
		case reflect.Map:
			for _, name := range sortedKeys(value) {
				w.value(value[name], t.Elem(), append(path[:len(path):len(path)], name))
			}
		}
	}
}

func (w *strictWalk) object(object map[string]any, t reflect.Type, path []string) {
	allowed, tagged := w.allowed(object, t, path)
	for _, name := range sortedKeys(object) {
		if w.found != nil {
			return
		}
		known := name
		field, ok := fieldNamed(t, known)
		if !ok {
			known = w.rename(name)
			field, ok = fieldNamed(t, known)
		}
		if !ok || tagged && name != "type" && !slices.Contains(allowed, name) {
			w.found = &stranger{path: path, name: name}
			return
		}
		if known != name {
			object[known] = object[name]
			delete(object, name)
		}
		w.value(object[known], field.Type, append(path[:len(path):len(path)], known))
	}
}

// allowed asks a union for the members of a kind.
func (w *strictWalk) allowed(object map[string]any, t reflect.Type, path []string) (allowed []string, tagged bool) {
	u, isUnion := reflect.Zero(t).Interface().(union)
	if !isUnion {
		return nil, false
	}
	kind, _ := object["type"].(string)
	allowed, known := u.members(kind)
	if !known {
		w.found = &stranger{path: path, name: kind, tag: true}
	}
	return allowed, allowed != nil
}

// fieldNamed finds a struct's field by its JSON name, exactly.
func fieldNamed(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		field := t.Field(i)
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag == name && tag != "-" && tag != "" {
			return field, true
		}
	}
	return reflect.StructField{}, false
}

func sortedKeys(object map[string]any) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
