// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google/externalaccount"
	"golang.org/x/oauth2/jwt"

	"github.com/sparkgateway/spark/gateway/config"
)

const (
	// googleScope is what Vertex AI asks for.
	googleScope = "https://www.googleapis.com/auth/cloud-platform"
	// googleTokens is where service accounts get tokens whose key names no other place.
	googleTokens = "https://oauth2.googleapis.com/token"
	// metadataHost is the metadata server of Google Cloud, as on every machine of it.
	metadataHost = "169.254.169.254"
	// metadataEnv overrides it, as in Google's own libraries.
	metadataEnv = "GCE_METADATA_HOST"
)

func (b *Book) google(i Identity) Source {
	g := &google{transport: b.opts.Transport, now: b.opts.Now, tokenFile: i.GCP.TokenFile}
	fetch := g.serviceAccount
	if i.GCP.Key == "" {
		g.metadata = cmp.Or(b.opts.Getenv(metadataEnv), metadataHost)
		fetch = g.machine
	} else {
		key, err := config.ReadGoogleKey(i.secret(i.GCP.Key))
		if err != nil {
			return broken{fmt.Errorf("gcp.key: %w", err)}
		}
		if g.key = key; key.Type == config.GoogleFederation {
			fetch = g.federation
		}
	}
	return bearer{&keeper[config.Secret]{fetch: fetch, now: b.opts.Now, life: b.life}}
}

// google obtains access tokens of Google Cloud.
type google struct {
	transport http.RoundTripper
	now       func() time.Time
	key       *config.GoogleKey
	tokenFile string
	metadata  string
}

// serviceAccount exchanges an assertion that is signed with a service account's key. The source is made of the fields that
// were checked, and not of the file, which could name other ways.
func (g *google) serviceAccount(ctx context.Context) (config.Secret, time.Time, error) {
	return g.token(ctx, func(ctx context.Context) (oauth2.TokenSource, error) {
		c := &jwt.Config{
			Email: g.key.ClientEmail, PrivateKey: []byte(g.key.PrivateKey), PrivateKeyID: g.key.PrivateKeyID,
			Scopes: []string{googleScope}, TokenURL: cmp.Or(g.key.TokenURI, googleTokens),
		}
		return c.TokenSource(ctx), nil
	})
}

// federation exchanges the token of the pod's ServiceAccount, and where a service account is to be impersonated, what it got
// for a token of that.
func (g *google) federation(ctx context.Context) (config.Secret, time.Time, error) {
	return g.token(ctx, func(ctx context.Context) (oauth2.TokenSource, error) {
		return externalaccount.NewTokenSource(ctx, externalaccount.Config{
			Audience: g.key.Audience, SubjectTokenType: g.key.SubjectTokenType,
			TokenURL: g.key.TokenURL, ServiceAccountImpersonationURL: g.key.ImpersonationURL,
			SubjectTokenSupplier: fileToken(g.tokenFile), Scopes: []string{googleScope},
		})
	})
}

type fileToken string

// SubjectToken implements externalaccount.SubjectTokenSupplier.
func (f fileToken) SubjectToken(context.Context, externalaccount.SupplierOptions) (string, error) {
	return readToken(string(f))
}

func (g *google) token(ctx context.Context, source func(context.Context) (oauth2.TokenSource, error)) (config.Secret, time.Time, error) {
	w := newWitness(ctx, g.transport)
	from, err := source(context.WithValue(ctx, oauth2.HTTPClient, w.client()))
	if err != nil {
		return config.Secret{}, time.Time{}, w.told(err)
	}
	token, err := from.Token()
	if err != nil {
		return config.Secret{}, time.Time{}, w.told(err)
	}
	secret, err := usable(token.AccessToken)
	return secret, token.Expiry, err
}

// machine asks the metadata server, which on GKE answers for the pod's ServiceAccount.
func (g *google) machine(ctx context.Context) (config.Secret, time.Time, error) {
	w := newWitness(ctx, g.transport)
	at := url.URL{
		Scheme: "http", Host: g.metadata, Path: "/computeMetadata/v1/instance/service-accounts/default/token",
		RawQuery: url.Values{"scopes": {googleScope}}.Encode(),
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	err := ask(ctx, w.client(), at.String(), &answer)
	if err == nil && (answer.ExpiresIn <= 0 || answer.ExpiresIn > 1<<31) {
		err = errNoToken
	}
	if err != nil {
		return config.Secret{}, time.Time{}, w.told(err)
	}
	secret, err := usable(answer.AccessToken)
	return secret, g.now().Add(time.Duration(answer.ExpiresIn) * time.Second), err
}

// ask reads an answer of the metadata server.
func ask(ctx context.Context, client *http.Client, at string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Metadata-Flavor", "Google")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	return json.NewDecoder(response.Body).Decode(into)
}
