// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"cmp"
	"crypto/x509"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// CredentialsKey is the key of an API key within a Secret where none is named.
const CredentialsKey = "apiKey"

// The other keys within Secrets that field comments promise.
const (
	certificateKey  = "ca.crt"
	googleKey       = "credentials.json"
	clientSecretKey = "clientSecret"
	accessKeyIDKey  = "accessKeyID"
	secretAccessKey = "secretAccessKey"
	sessionTokenKey = "sessionToken"
)

const maxProviderSecretBytes = 16 << 10

// resolution resolves what one provider refers to, and gathers what cannot be.
type resolution struct {
	*compilation
	policy   *v1alpha1.ProviderPolicy
	provider *config.Provider
	found    Finding
}

// providerSecrets resolves what a provider refers to, and tells all that is missing.
func (c *compilation) providerSecrets(policy *v1alpha1.ProviderPolicy, provider *config.Provider) Finding {
	r := &resolution{compilation: c, policy: policy, provider: provider}
	r.tls()
	if cr := policy.Spec.Credentials; cr != nil {
		switch {
		case cr.SecretRef != nil:
			provider.Credential = r.credential("spec.credentials.secretRef", *cr.SecretRef, CredentialsKey, "")
		case cr.AWS != nil:
			r.aws(cr.AWS)
		case cr.GCP != nil:
			r.gcp(cr.GCP)
		case cr.Azure != nil:
			r.azure(cr.Azure)
		}
	}
	if !r.found.OK() {
		for _, name := range provider.SecretNames() {
			delete(c.secrets, name)
		}
	}
	return r.found
}

// value reads one value of a Secret of the provider's namespace; "" notes why not.
func (r *resolution) value(field, name, key string) string {
	value, finding := r.secretValue(field, types.NamespacedName{Namespace: r.policy.Namespace, Name: name}, key)
	r.found.join(finding)
	return value
}

// invalid notes that a value is there and cannot be used. Why quotes nothing of it.
func (r *resolution) invalid(field, name, key, why string) {
	r.found.join(Finding{v1alpha1.ReasonInvalidSecret, fmt.Sprintf("%s: Secret %s/%s: key %q %s", field, r.policy.Namespace, name, key, why)})
}

// credential takes one value into the document's secrets and gives its name there, which ends with the part, if any.
func (r *resolution) credential(field string, ref v1alpha1.SecretKeyReference, otherwise, part string) string {
	key := cmp.Or(ref.Key, otherwise)
	value := r.value(field, ref.Name, key)
	if value == "" {
		return ""
	}
	if !printable(value) || len(value) > maxProviderSecretBytes {
		r.invalid(field, ref.Name, key, fmt.Sprintf("must be printable ASCII without spaces, of at most %d bytes", maxProviderSecretBytes))
		return ""
	}
	return r.keep(part, value)
}

// keep puts a secret of the provider into the document and gives its name there.
func (r *resolution) keep(part, value string) string {
	name := "provider/" + r.provider.ID
	if part != "" {
		name += "/" + part
	}
	r.secrets[name] = config.NewSecret(value)
	return name
}

func (r *resolution) tls() {
	t := r.policy.Spec.TLS
	if t == nil {
		return
	}
	r.provider.ServerName = t.ServerName
	if t.CASecretRef == nil {
		return
	}
	const field = "spec.tls.caSecretRef"
	key := cmp.Or(t.CASecretRef.Key, certificateKey)
	ca := r.value(field, t.CASecretRef.Name, key)
	if ca != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(ca)) {
		r.invalid(field, t.CASecretRef.Name, key, "holds no PEM certificate")
		return
	}
	r.provider.CA = ca
}

// pods notes where a provider would use the identity of the gateway's pods from another namespace. That identity belongs to
// the gateway's namespace, as Secrets belong to theirs: who may only attach a provider must not act as the gateway, nor be
// given its tokens at an endpoint of his own.
func (r *resolution) pods(field string) {
	if gw := r.in.Gateway; r.policy.Namespace != gw.Namespace {
		r.found.join(Finding{v1alpha1.ReasonNotAllowed, fmt.Sprintf(
			"%s: the identity of SparkGateway %s's pods is for ProviderPolicies of namespace %s only; a secretRef brings one's own",
			field, idOf(gw), gw.Namespace)})
	}
}

func (r *resolution) aws(a *v1alpha1.AWSCredentials) {
	const field = "spec.credentials.aws"
	identity := &config.AWSIdentity{}
	if r.policy.Spec.Bedrock != nil {
		identity.Region = r.policy.Spec.Bedrock.Region
	}
	r.provider.AWS = identity
	if a.SecretRef == nil {
		r.pods(field)
		if a.RoleARN != "" {
			identity.RoleARN, identity.TokenFile = a.RoleARN, config.TokenFile(config.AWSAudience)
		}
		return
	}
	part := func(key string) string {
		return r.credential(field+".secretRef", v1alpha1.SecretKeyReference{Name: a.SecretRef.Name}, key, key)
	}
	name := types.NamespacedName{Namespace: r.policy.Namespace, Name: a.SecretRef.Name}
	secret := r.in.Secrets[name]
	if secret == nil {
		// Told once, and not for each of its keys.
		r.value(field+".secretRef", a.SecretRef.Name, accessKeyIDKey)
		return
	}
	identity.AccessKeyID, identity.SecretAccessKey = part(accessKeyIDKey), part(secretAccessKey)
	if _, temporary := secret.Data[sessionTokenKey]; temporary {
		identity.SessionToken = part(sessionTokenKey)
	}
}

func (r *resolution) gcp(g *v1alpha1.GCPCredentials) {
	const field = "spec.credentials.gcp"
	identity := &config.GCPIdentity{}
	r.provider.GCP = identity
	if g.SecretRef == nil {
		r.pods(field)
		return
	}
	key := cmp.Or(g.SecretRef.Key, googleKey)
	file := r.value(field+".secretRef", g.SecretRef.Name, key)
	if file == "" {
		return
	}
	if len(file) > maxProviderSecretBytes {
		r.invalid(field+".secretRef", g.SecretRef.Name, key, fmt.Sprintf("has more than %d bytes", maxProviderSecretBytes))
		return
	}
	read, err := config.ReadGoogleKey(file)
	if err != nil {
		r.invalid(field+".secretRef", g.SecretRef.Name, key, "is no credentials file that gateways take: "+err.Error())
		return
	}
	if read.Type == config.GoogleFederation {
		r.pods(field + ".secretRef")
		identity.Audience, _ = config.GCPAudience(read.Audience)
		identity.TokenFile = config.TokenFile(identity.Audience)
	}
	identity.Key = r.keep(googleKey, file)
}

func (r *resolution) azure(a *v1alpha1.AzureCredentials) {
	const field = "spec.credentials.azure"
	r.provider.Azure = &config.AzureIdentity{TenantID: a.TenantID, ClientID: a.ClientID}
	if a.SecretRef == nil {
		r.pods(field)
		r.provider.Azure.TokenFile = config.TokenFile(config.AzureAudience)
		return
	}
	r.provider.Azure.ClientSecret = r.credential(field+".secretRef", *a.SecretRef, clientSecretKey, clientSecretKey)
}
