// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/sparkgateway/spark/gateway/config"
)

// azureScope is what Azure OpenAI asks for.
const azureScope = "https://cognitiveservices.azure.com/.default"

func (b *Book) azure(i Identity) Source {
	a := &entra{identity: *i.Azure, secret: i.secret(i.Azure.ClientSecret), transport: b.opts.Transport}
	return bearer{&keeper[config.Secret]{fetch: a.fetch, now: b.opts.Now, life: b.life}}
}

// entra obtains access tokens of Microsoft Entra ID.
type entra struct {
	identity  config.AzureIdentity
	secret    string
	transport http.RoundTripper
}

// fetch uses a credential once: one that is kept would give the token that it remembers for as long as that is valid, and
// so could not renew it ahead of that.
func (a *entra) fetch(ctx context.Context) (config.Secret, time.Time, error) {
	w := newWitness(ctx, a.transport)
	from, err := a.credential(w)
	if err != nil {
		return config.Secret{}, time.Time{}, errors.New("azure: the tenant, client or authority is none that Microsoft Entra ID could have")
	}
	token, err := from.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{azureScope}})
	if err != nil {
		return config.Secret{}, time.Time{}, w.told(err)
	}
	secret, err := usable(token.Token)
	return secret, token.ExpiresOn, err
}

func (a *entra) credential(w *witness) (azcore.TokenCredential, error) {
	options := azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: cmp.Or(a.identity.Authority, cloud.AzurePublic.ActiveDirectoryAuthorityHost)},
		Transport: w.client(),
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
	// The authority is the public cloud's or a resource's word, so that asking a third party whether it is one of
	// Microsoft's would only delay.
	if a.identity.ClientSecret != "" {
		return azidentity.NewClientSecretCredential(a.identity.TenantID, a.identity.ClientID, a.secret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	}
	return azidentity.NewClientAssertionCredential(a.identity.TenantID, a.identity.ClientID, func(context.Context) (string, error) {
		token, err := readToken(a.identity.TokenFile)
		if err != nil {
			// The library tells it only in words.
			w.note(w.told(err))
		}
		return token, err
	}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
}
