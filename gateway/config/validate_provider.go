// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Form is what a word must look like to stand in the host, path or query of a provider's URL.
type Form = *regexp.Regexp

// The forms of a region or location, of a project of Google Cloud, of an API version, and of what Microsoft Entra ID calls
// a directory or an application.
var (
	RegionForm     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	ProjectForm    = regexp.MustCompile(`^[a-z0-9.:-]{1,128}$`)
	APIVersionForm = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,64}$`)
	TenantForm     = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?$`)
)

func (v *validation) providers(d *Document) map[string]bool {
	ids := map[string]bool{}
	for i := range d.Core.Providers {
		p, at := &d.Core.Providers[i], fmt.Sprintf("providers[%d]", i)
		if p.ID == "" || ids[p.ID] {
			v.add("%s.id: %q is empty or stands twice", at, p.ID)
		}
		ids[p.ID] = true
		if err := CheckEndpoint(p.Endpoint); err != nil {
			v.add("%s.endpoint: %w", at, err)
		}
		v.authorities(at+".ca", p.CA)
		v.kind(at, p)
		(&identity{v, at, d.Secrets}).check(p)
		v.edits(at, p)
		v.traffic(at, p)
	}
	return ids
}

// kind checks what goes with some types only.
func (v *validation) kind(at string, p *Provider) {
	if !p.Type.Known() {
		v.add("%s.type: %q is not known to this gateway", at, p.Type)
	}
	for _, f := range []struct {
		name, value string
		with        ProviderType
		required    bool
		form        Form
	}{
		{"apiVersion", p.APIVersion, AzureOpenAI, false, APIVersionForm},
		{"project", p.Project, VertexAI, true, ProjectForm},
		{"location", p.Location, VertexAI, true, RegionForm},
	} {
		switch {
		case p.Type == f.with && f.required && f.value == "":
			v.add("%s.%s: required with type %s", at, f.name, f.with)
		case p.Type != f.with && f.value != "":
			v.add("%s.%s: only with type %s", at, f.name, f.with)
		case f.value != "" && !f.form.MatchString(f.value):
			v.add("%s.%s: does not match %s", at, f.name, f.form)
		}
	}
}

func (v *validation) edits(at string, p *Provider) {
	v.headers(at+".setHeaders", p.SetHeaders)
	for i, h := range p.SetHeaders {
		if Framing(h.Name) || CredentialHeader(h.Name) {
			v.add("%s.setHeaders[%d]: %s is the gateway's own", at, i, h.Name)
		}
	}
	for i, name := range p.RemoveHeaders {
		if Framing(name) || CredentialHeader(name) {
			v.add("%s.removeHeaders[%d]: %s is the gateway's own", at, i, name)
		}
	}
}

// identity checks how a provider is shown who calls.
type identity struct {
	*validation
	at      string
	secrets map[string]Secret
}

func (v *identity) check(p *Provider) {
	given := []struct {
		name  string
		there bool
		with  ProviderType // "" for all but VertexAI
	}{
		{"credential", p.Credential != "", ""},
		{"aws", p.AWS != nil, Bedrock}, {"gcp", p.GCP != nil, VertexAI}, {"azure", p.Azure != nil, AzureOpenAI},
	}
	var names []string
	for _, g := range given {
		switch {
		case !g.there:
			continue
		case g.with != "" && p.Type != g.with:
			v.add("%s.%s: only with type %s", v.at, g.name, g.with)
		case g.with == "" && p.Type == VertexAI:
			v.add("%s.%s: type %s takes no API key", v.at, g.name, VertexAI)
		}
		names = append(names, g.name)
	}
	switch {
	case len(names) > 1:
		v.add("%s: %s exclude each other", v.at, strings.Join(names, " and "))
	case len(names) == 0 && p.Type.Known() && p.Type != Ollama && p.Type != OpenAICompatible:
		v.add("%s: no credential, which type %s requires", v.at, p.Type)
	}
	v.secret("credential", p.Credential)
	v.aws(p.AWS)
	v.gcp(p.GCP)
	v.azure(p.Azure)
}

func (v *identity) aws(a *AWSIdentity) {
	if a == nil {
		return
	}
	v.word("aws.region", a.Region, RegionForm)
	v.secret("aws.accessKeyID", a.AccessKeyID)
	v.secret("aws.secretAccessKey", a.SecretAccessKey)
	v.secret("aws.sessionToken", a.SessionToken)
	v.tokenFile("aws.tokenFile", a.TokenFile)
	v.url("aws.stsEndpoint", a.STSEndpoint)
	keys := a.AccessKeyID != "" || a.SecretAccessKey != "" || a.SessionToken != ""
	switch {
	case keys && (a.AccessKeyID == "" || a.SecretAccessKey == ""):
		v.add("%s.aws: accessKeyID and secretAccessKey go together", v.at)
	case keys && a.RoleARN != "":
		v.add("%s.aws: keys and roleARN exclude each other", v.at)
	}
	if (a.RoleARN == "") != (a.TokenFile == "") {
		v.add("%s.aws: roleARN and tokenFile go together", v.at)
	}
	if a.STSEndpoint != "" && a.RoleARN == "" {
		v.add("%s.aws.stsEndpoint: only with roleARN", v.at)
	}
}

func (v *identity) gcp(g *GCPIdentity) {
	if g == nil {
		return
	}
	v.secret("gcp.key", g.Key)
	v.tokenFile("gcp.tokenFile", g.TokenFile)
	if (g.TokenFile == "") != (g.Audience == "") {
		v.add("%s.gcp: tokenFile and audience go together", v.at)
	}
	if g.TokenFile != "" && g.Key == "" {
		v.add("%s.gcp.tokenFile: only with key", v.at)
	}
	if _, ok := GCPAudience(strings.TrimPrefix(g.Audience, "https:")); g.Audience != "" && (!ok || !strings.HasPrefix(g.Audience, "https:")) {
		v.add("%s.gcp.audience: is not the URL of a workload identity pool's provider", v.at)
	}
}

func (v *identity) azure(a *AzureIdentity) {
	if a == nil {
		return
	}
	v.word("azure.tenantID", a.TenantID, TenantForm)
	v.word("azure.clientID", a.ClientID, TenantForm)
	v.secret("azure.clientSecret", a.ClientSecret)
	v.tokenFile("azure.tokenFile", a.TokenFile)
	v.url("azure.authority", a.Authority)
	if (a.ClientSecret == "") == (a.TokenFile == "") {
		v.add("%s.azure: needs either clientSecret or tokenFile", v.at)
	}
}

func (v *identity) word(field, value string, form Form) {
	if !form.MatchString(value) {
		v.add("%s.%s: does not match %s", v.at, field, form)
	}
}

func (v *identity) secret(field, name string) {
	if _, ok := v.secrets[name]; name != "" && !ok {
		v.add("%s.%s: no secret named %q", v.at, field, name)
	}
}

func (v *identity) tokenFile(field, file string) {
	if file != "" && (!path.IsAbs(file) || path.Clean(file) != file) {
		v.add("%s.%s: is not a clean absolute path", v.at, field)
	}
}

func (v *identity) url(field, value string) {
	if value == "" {
		return
	}
	if err := CheckEndpoint(value); err != nil {
		v.add("%s.%s: %w", v.at, field, err)
	}
}
