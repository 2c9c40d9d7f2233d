// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package standalone

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/manifest"
	"github.com/sparkgateway/spark/gateway"
)

// With what is made up every sample compiles whole, and a gateway takes it.
func TestMadeUpSecretsStandForAllThatLack(t *testing.T) {
	dirs, err := os.ReadDir(samples)
	if err != nil || len(dirs) == 0 {
		t.Fatal("no samples", err)
	}
	for _, dir := range dirs {
		t.Run(dir.Name(), func(t *testing.T) {
			set, problems := manifest.Load(os.DirFS(filepath.Join(samples, dir.Name())))
			secrets, err := MadeUp(set)
			if err != nil {
				t.Fatal(err)
			}
			for name := range secrets {
				if set.Secrets()[name] != nil {
					t.Errorf("Secret %s was there", name)
				}
			}
			configurations, refused := Compile(set, secrets)
			for _, p := range append(problems, refused...) {
				t.Error(p)
			}
			for _, c := range configurations {
				living := gateway.NewLiving(gateway.LivingOptions{})
				if _, err := gateway.Build(c.Still(), living); err != nil {
					t.Errorf("%s: %v", c.Name(), err)
				}
				living.Close()
			}
		})
	}
}

func TestASecretThatIsThereIsNotMadeUp(t *testing.T) {
	set, _ := manifest.Parse([]manifest.File{{Name: "a.yaml", Content: []byte(`apiVersion: sparkgateway.dev/v1alpha1
kind: ProviderPolicy
metadata: {name: p}
spec: {gatewayRefs: [{name: main}], type: OpenAI, credentials: {secretRef: {name: there}}}
---
apiVersion: v1
kind: Secret
metadata: {name: there}
stringData: {token: x}
`)}})
	secrets, err := MadeUp(set)
	if err != nil || secrets[types.NamespacedName{Namespace: "default", Name: "there"}] != nil {
		t.Errorf("got %v, %v", secrets, err)
	}
}
