// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/issue"
)

// KeysDir is the hidden directory, beside the manifests, that generated keys are kept in.
const KeysDir = ".spark"

// keyField is the entry of a generated Secret that holds the key.
const keyField = "apiKey"

// lacking names the Secrets that the operator would generate: those of APIKeys that bring none and that the set does
// not have.
func lacking(set *manifest.Set) []types.NamespacedName {
	var names []types.NamespacedName
	for _, key := range set.Keys() {
		name := compiler.SecretName(&key)
		if key.Spec.SecretRef == nil && set.Secrets()[name] == nil {
			names = append(names, name)
		}
	}
	return names
}

// Placeholders gives keys to the APIKeys that bring none, to be thrown away: enough to check manifests with.
func Placeholders(set *manifest.Set) map[types.NamespacedName]*corev1.Secret {
	generated := map[types.NamespacedName]*corev1.Secret{}
	for _, name := range lacking(set) {
		generated[name] = newSecret(name)
	}
	return generated
}

func newSecret(name types.NamespacedName) *corev1.Secret {
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name},
		Data:       map[string][]byte{keyField: []byte(issue.NewAPIKey())},
	}
}

// Keyring keeps generated keys as Secret manifests, one a file that only its owner can read, so that they outlive the
// process. A key that the manifests bring is preferred to one that was generated before.
type Keyring struct {
	// Dir holds the files; it is made when the first key is.
	Dir string
	// Generated is called with each new key's Secret and file; nil calls nobody.
	Generated func(name types.NamespacedName, file string)
}

// Secrets gives the Secret of every APIKey that brings none, generating those that were not before. An error says
// which key could not be read or kept.
func (k Keyring) Secrets(set *manifest.Set) (map[types.NamespacedName]*corev1.Secret, error) {
	generated := map[types.NamespacedName]*corev1.Secret{}
	for _, name := range lacking(set) {
		file := filepath.Join(k.Dir, name.Namespace+"_"+name.Name+".yaml")
		secret, err := readSecret(file, name)
		if errors.Is(err, fs.ErrNotExist) {
			secret, err = k.generate(file, name)
		}
		if err != nil {
			return nil, fmt.Errorf("the generated key of Secret %s: %w", name, err)
		}
		generated[name] = secret
	}
	return generated, nil
}

func (k Keyring) generate(file string, name types.NamespacedName) (*corev1.Secret, error) {
	secret := newSecret(name)
	// As text, for people to copy the key out of the file.
	content, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata":   map[string]string{"namespace": name.Namespace, "name": name.Name},
		"stringData": map[string]string{keyField: string(secret.Data[keyField])},
	})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return nil, err
	}
	// Manifests live in Git, keys must not.
	if err := writeFile(filepath.Join(k.Dir, ".gitignore"), []byte("*\n")); err != nil {
		return nil, err
	}
	if err := writeFile(file, content); err != nil {
		return nil, err
	}
	if k.Generated != nil {
		k.Generated(name, file)
	}
	return secret, nil
}

// writeFile makes the file whole or not at all.
func writeFile(file string, content []byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)) // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name())
		}
	}()
	_, err = temporary.Write(content)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}

func readSecret(file string, name types.NamespacedName) (*corev1.Secret, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	set, problems := manifest.Parse([]manifest.File{{Name: file, Content: content}})
	if len(problems) > 0 {
		return nil, errors.New(problems[0].String())
	}
	secret := set.Secrets()[name]
	if secret == nil {
		return nil, fmt.Errorf("%s does not hold it", file)
	}
	return secret, nil
}

// KeyringDir is where keys generated for manifests at the paths are kept: KeysDir in the first path's directory.
func KeyringDir(paths []string) string {
	dir := cmp.Or(append(paths[:min(1, len(paths))], ".")...)
	if at, err := os.Stat(dir); err == nil && !at.IsDir() {
		dir = filepath.Dir(dir)
	}
	return filepath.Join(dir, KeysDir)
}
