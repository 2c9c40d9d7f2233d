// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Package credential obtains and renews what cloud providers take for proof of identity: signatures of Amazon Web Services,
// access tokens of Google Cloud and of Microsoft Entra ID.
package credential

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
)

// Request is what is to be authorized: one HTTP request as it will be sent.
type Request struct {
	Method string
	// Host is the Host header.
	Host string
	// Target is the request's target, path and query, byte for byte. For Amazon Web Services every segment of the path is
	// escaped but for letters, digits and "-._~", as AWS's SDKs do: "/model/a.b%3A0/converse".
	Target string
	// Body is the whole body.
	Body []byte
}

// Source authorizes the requests of one identity. It is safe for concurrent use.
type Source interface {
	// Authorize gives, by calls of set, the header fields that a request must carry, names in canonical form. It waits for
	// a cloud only where nothing valid is at hand, and then no longer than the context allows. An error tells who
	// answered what and holds no secret.
	Authorize(ctx context.Context, r Request, set func(name, value string)) error
}

// Identity is how one provider is shown who calls: one of the clouds' identities with the secrets that it names. The zero
// value is none.
type Identity struct {
	AWS   *config.AWSIdentity
	GCP   *config.GCPIdentity
	Azure *config.AzureIdentity
	// Secrets holds those that the identity names, and maybe more.
	Secrets map[string]config.Secret
}

// IdentityOf gives a provider's identity, zero where it has an API key or nothing.
func IdentityOf(p *config.Provider, secrets map[string]config.Secret) Identity {
	if p.AWS == nil && p.GCP == nil && p.Azure == nil {
		return Identity{}
	}
	return Identity{AWS: p.AWS, GCP: p.GCP, Azure: p.Azure, Secrets: secrets}
}

// key is equal for two identities that are the same, secrets included.
func (i Identity) key() [sha256.Size]byte {
	provider := config.Provider{AWS: i.AWS, GCP: i.GCP, Azure: i.Azure}
	var secrets []config.Digest
	for _, name := range provider.SecretNames() {
		secrets = append(secrets, config.DigestKey(i.secret(name)))
	}
	// What a secret is called is no part of who one is.
	if i.AWS != nil {
		own := *i.AWS
		own.AccessKeyID, own.SecretAccessKey = "", ""
		own.SessionToken = presence(own.SessionToken)
		provider.AWS = &own
	}
	if i.GCP != nil {
		own := *i.GCP
		own.Key = presence(own.Key)
		provider.GCP = &own
	}
	if i.Azure != nil {
		own := *i.Azure
		own.ClientSecret = presence(own.ClientSecret)
		provider.Azure = &own
	}
	// Plain structs always encode.
	text, _ := json.Marshal([]any{provider.AWS, provider.GCP, provider.Azure, secrets})
	return sha256.Sum256(text)
}

func presence(name string) string {
	if name == "" {
		return ""
	}
	return "given"
}

func (i Identity) secret(name string) string { return i.Secrets[name].Reveal() }

// Options of a Book. The zero value of each field has a use.
type Options struct {
	// Transport carries requests to clouds; nil makes one that takes proxies from the environment, but for addresses of
	// the machine itself.
	Transport http.RoundTripper
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Getenv reads the environment that a cloud gives a pod; nil is os.Getenv.
	Getenv func(string) string
}

// Book keeps sources by identity, so that what they hold outlives snapshots. It is safe for concurrent use.
type Book struct {
	opts Options
	life context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	sources map[[sha256.Size]byte]Source
}

// NewBook gives a book without sources. Close it to end what it asks clouds for.
func NewBook(opts Options) *Book {
	if opts.Transport == nil {
		opts.Transport = newTransport()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Getenv == nil {
		opts.Getenv = os.Getenv
	}
	b := &Book{opts: opts, sources: map[[sha256.Size]byte]Source{}}
	b.life, b.end = context.WithCancel(context.Background())
	return b
}

// Use gives the source of each identity, in order, nil for the zero identity, and forgets those of all others; who still
// holds one may go on using it. The same identity has the same source, with whatever that has obtained. It asks no cloud.
func (b *Book) Use(identities []Identity) []Source {
	b.mu.Lock()
	defer b.mu.Unlock()
	used := make([]Source, len(identities))
	keep := make(map[[sha256.Size]byte]Source, len(identities))
	for i, identity := range identities {
		if identity.AWS == nil && identity.GCP == nil && identity.Azure == nil {
			continue
		}
		key := identity.key()
		source, ok := keep[key]
		if !ok {
			source, ok = b.sources[key]
		}
		if !ok {
			source = b.source(identity)
		}
		keep[key], used[i] = source, source
	}
	b.sources = keep
	return used
}

// Len is the number of sources.
func (b *Book) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.sources)
}

// Close ends what is being asked for. Sources go on with what they hold while it is valid, and fail then.
func (b *Book) Close() { b.end() }

func (b *Book) source(i Identity) Source {
	switch {
	case i.AWS != nil:
		return b.aws(i)
	case i.GCP != nil:
		return b.google(i)
	default:
		return b.azure(i)
	}
}

// broken is the source of an identity that can never work.
type broken struct{ err error }

func (b broken) Authorize(context.Context, Request, func(string, string)) error { return b.err }

// bearer authorizes by access tokens.
type bearer struct{ *keeper[config.Secret] }

func (b bearer) Authorize(ctx context.Context, _ Request, set func(name, value string)) error {
	token, err := b.get(ctx)
	if err != nil {
		return err
	}
	set("Authorization", "Bearer "+token.Reveal())
	return nil
}

// errNoToken says that an answer was a success and not what was asked for.
var errNoToken = errors.New("the answer holds no token that a header could carry")

// usable wraps a token that can stand in a header.
func usable(token string) (config.Secret, error) {
	if token == "" || len(token) > 32<<10 {
		return config.Secret{}, errNoToken
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] >= 0x7f {
			return config.Secret{}, errNoToken
		}
	}
	return config.NewSecret(token), nil
}
