// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/credential"
)

func slicesHas(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}

func TestTheSameIdentityHasTheSameSource(t *testing.T) {
	at := &cloud{answer: entra(func(w http.ResponseWriter) { givenToken(w, "canary") })}
	book := credential.NewBook(credential.Options{Transport: at})
	defer book.Close()
	use := func(identities ...credential.Identity) []credential.Source { return book.Use(identities) }
	first := use(clientSecret(), credential.Identity{}, staticAWS(false), clientSecret())
	if first[0] == nil || first[1] != nil || first[2] == nil || first[0] != first[3] || first[0] == first[2] || book.Len() != 2 {
		t.Fatalf("sources %v, %d of them", first, book.Len())
	}
	if _, err := authorized(t.Context(), first[0], credential.Request{}); err != nil {
		t.Fatal(err)
	}
	calls := len(at.made())
	renamed := clientSecret()
	renamed.Azure.ClientSecret = "another"
	renamed.Secrets = secrets(map[string]string{"another": "canary-client-secret", "unrelated": "x"})
	second := use(staticAWS(false), renamed)
	if second[1] != first[0] || second[0] != first[2] {
		t.Error("the same identity has another source")
	}
	if _, err := authorized(t.Context(), second[1], credential.Request{}); err != nil || len(at.made()) != calls {
		t.Errorf("%v; what it held is asked for again", err)
	}
	changed := map[string]func(*credential.Identity){
		"another secret":    func(i *credential.Identity) { i.Secrets = secrets(map[string]string{"secret": "rotated"}) },
		"another client":    func(i *credential.Identity) { i.Azure.ClientID = "00000000-0000-0000-0000-000000000002" },
		"another directory": func(i *credential.Identity) { i.Azure.TenantID = "other" },
		"a token instead":   func(i *credential.Identity) { i.Azure.ClientSecret, i.Azure.TokenFile = "", "/t" },
	}
	for name, change := range changes(changed, clientSecret) {
		if got := use(clientSecret(), change)[1]; got == first[0] {
			t.Errorf("%s has the same source", name)
		}
	}
	use()
	if book.Len() != 0 {
		t.Errorf("%d sources are kept for nobody", book.Len())
	}
	if _, err := authorized(t.Context(), first[0], credential.Request{}); err != nil {
		t.Errorf("who still holds a source cannot use it: %v", err)
	}
}

func changes(edits map[string]func(*credential.Identity), base func() credential.Identity) map[string]credential.Identity {
	out := map[string]credential.Identity{}
	for name, edit := range edits {
		i := base()
		edit(&i)
		out[name] = i
	}
	return out
}

func TestIdentitiesAreToldApart(t *testing.T) {
	aws := func(edit func(*config.AWSIdentity)) credential.Identity {
		i := staticAWS(false)
		edit(i.AWS)
		return i
	}
	all := []credential.Identity{
		staticAWS(false), staticAWS(true),
		aws(func(a *config.AWSIdentity) { a.Region = "us-east-1" }),
		aws(func(a *config.AWSIdentity) { a.AccessKeyID = "key" }),
		{AWS: &config.AWSIdentity{Region: "eu-central-1"}},
		webIdentity("/a"), webIdentity("/b"),
		{GCP: &config.GCPIdentity{}},
		serviceAccount(t, nil), serviceAccount(t, map[string]any{"client_email": "other"}),
		clientSecret(), workload("/a"), workload("/b"),
	}
	book := credential.NewBook(credential.Options{Transport: &cloud{}})
	defer book.Close()
	book.Use(all)
	if book.Len() != len(all) {
		t.Errorf("%d sources for %d identities", book.Len(), len(all))
	}
}

func TestIdentityOfAProvider(t *testing.T) {
	s := secrets(map[string]string{"a": "b"})
	for name, test := range map[string]struct {
		provider config.Provider
		want     credential.Identity
	}{
		"an API key": {config.Provider{Credential: "a"}, credential.Identity{}},
		"nothing":    {config.Provider{}, credential.Identity{}},
		"AWS's":      {config.Provider{AWS: &config.AWSIdentity{}}, credential.Identity{AWS: &config.AWSIdentity{}, Secrets: s}},
		"Google's":   {config.Provider{GCP: &config.GCPIdentity{}}, credential.Identity{GCP: &config.GCPIdentity{}, Secrets: s}},
		"Azure's":    {config.Provider{Azure: &config.AzureIdentity{}}, credential.Identity{Azure: &config.AzureIdentity{}, Secrets: s}},
	} {
		t.Run(name, func(t *testing.T) {
			reveal := cmp.Transformer("reveal", func(s config.Secret) string { return s.Reveal() })
			if diff := cmp.Diff(test.want, credential.IdentityOf(&test.provider, s), reveal); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAClosedBookAsksNobody(t *testing.T) {
	at := &cloud{}
	book := credential.NewBook(credential.Options{Transport: at})
	s := book.Use([]credential.Identity{{GCP: &config.GCPIdentity{}}})[0]
	book.Close()
	wantRefused(t, s, "169.254.169.254 cannot be reached: context canceled")
}

func TestABookIsSafeForConcurrentUse(t *testing.T) {
	at := &cloud{answer: func(w http.ResponseWriter, _ call, _ int) { givenToken(w, "canary") }}
	book := credential.NewBook(credential.Options{Transport: at})
	defer book.Close()
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			for range 20 {
				s := book.Use([]credential.Identity{{GCP: &config.GCPIdentity{}}, staticAWS(true)})
				for _, s := range s {
					if _, err := authorized(t.Context(), s, credential.Request{Method: "POST", Host: "h", Target: "/"}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wait.Wait()
	if n := len(at.made()); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// Clouds' service clients are megabytes each, and none is needed for a signature or a token.
func TestNoServiceClientIsLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for dep := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(dep, "github.com/aws/aws-sdk-go-v2/aws") {
			found++
		}
		for _, never := range []string{"github.com/aws/aws-sdk-go-v2/service/", "github.com/aws/aws-sdk-go-v2/config", "google.golang.org/api", "google.golang.org/grpc", "cloud.google.com/go"} {
			if strings.HasPrefix(dep, never) {
				t.Errorf("%s is linked", dep)
			}
		}
	}
	if found == 0 {
		t.Error("no dependency was found")
	}
}
