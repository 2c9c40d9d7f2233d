// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package compiler

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/gateway/config"
)

// asOpenAI are the types whose endpoint is what OpenAI's SDK takes, with its "/v1".
var asOpenAI = []v1alpha1.ProviderType{
	v1alpha1.ProviderOpenAI, v1alpha1.ProviderMistral, v1alpha1.ProviderOllama, v1alpha1.ProviderOpenAICompatible,
}

// endpoint gives the base URL, to which the type's own paths are appended.
func (p *problems) endpoint(spec v1alpha1.ProviderPolicySpec) string {
	endpoint := spec.Endpoint
	if endpoint == "" {
		endpoint = defaultEndpoint(spec)
	}
	if endpoint == "" {
		p.add("spec.endpoint: type %q has no default", spec.Type)
		return ""
	}
	if err := config.CheckEndpoint(endpoint); err != nil {
		p.add("spec.endpoint: %w", err)
		return ""
	}
	endpoint = strings.TrimRight(endpoint, "/")
	if u, err := url.Parse(endpoint); err == nil && u.Path == "" && slices.Contains(asOpenAI, spec.Type) {
		endpoint += "/v1"
	}
	return endpoint
}

// defaultEndpoint gives where a type is found that has one place for everybody, else "".
func defaultEndpoint(spec v1alpha1.ProviderPolicySpec) string {
	switch spec.Type {
	case v1alpha1.ProviderOpenAI:
		return "https://api.openai.com/v1"
	case v1alpha1.ProviderAnthropic:
		return "https://api.anthropic.com"
	case v1alpha1.ProviderGemini:
		return "https://generativelanguage.googleapis.com"
	case v1alpha1.ProviderMistral:
		return "https://api.mistral.ai/v1"
	case v1alpha1.ProviderCohere:
		return "https://api.cohere.com"
	case v1alpha1.ProviderBedrock:
		if spec.Bedrock != nil {
			return "https://bedrock-runtime." + spec.Bedrock.Region + ".amazonaws.com"
		}
	case v1alpha1.ProviderVertexAI:
		if spec.VertexAI != nil {
			return "https://" + vertexHost(spec.VertexAI.Location)
		}
	}
	return ""
}

func vertexHost(location string) string {
	switch location {
	case "global":
		return "aiplatform.googleapis.com"
	case "us", "eu":
		return "aiplatform." + location + ".rep.googleapis.com"
	}
	return location + "-aiplatform.googleapis.com"
}

// kind judges the type and what only some types have, and takes it over.
func (p *problems) kind(spec v1alpha1.ProviderPolicySpec, provider *config.Provider) {
	if !provider.Type.Known() {
		p.add("spec.type: %q is not a type of provider", spec.Type)
		return
	}
	for _, block := range []struct {
		field           string
		of              v1alpha1.ProviderType
		given, required bool
	}{
		{"azureOpenAI", v1alpha1.ProviderAzureOpenAI, spec.AzureOpenAI != nil, false},
		{"vertexAI", v1alpha1.ProviderVertexAI, spec.VertexAI != nil, true},
		{"bedrock", v1alpha1.ProviderBedrock, spec.Bedrock != nil, true},
	} {
		switch {
		case block.given && spec.Type != block.of:
			p.add("spec.%s: is for type %s only", block.field, block.of)
		case !block.given && block.required && spec.Type == block.of:
			p.add("spec.%s: is required with type %s", block.field, block.of)
		}
	}
	if a := spec.AzureOpenAI; a != nil {
		provider.APIVersion = p.word("spec.azureOpenAI.apiVersion", a.APIVersion, config.APIVersionForm, false)
	}
	if v := spec.VertexAI; v != nil {
		provider.Project = p.word("spec.vertexAI.project", v.Project, config.ProjectForm, true)
		provider.Location = p.word("spec.vertexAI.location", v.Location, config.RegionForm, true)
	}
	if b := spec.Bedrock; b != nil {
		p.word("spec.bedrock.region", b.Region, config.RegionForm, true)
	}
	p.credentials(spec)
}

// word judges what is to stand in a URL, and gives it.
func (p *problems) word(field, value string, form config.Form, required bool) string {
	switch {
	case value == "" && required:
		p.add("%s: empty", field)
	case value != "" && !form.MatchString(value):
		p.add("%s: does not match %s", field, form)
	}
	return value
}

// credentials judges which of them go with the type.
func (p *problems) credentials(spec v1alpha1.ProviderPolicySpec) {
	cr := spec.Credentials
	if cr == nil {
		if spec.Type != v1alpha1.ProviderOllama && spec.Type != v1alpha1.ProviderOpenAICompatible {
			p.add("spec.credentials: are required with type %s", spec.Type)
		}
		return
	}
	given := 0
	for _, way := range []struct {
		field string
		there bool
		of    v1alpha1.ProviderType
	}{
		{"secretRef", cr.SecretRef != nil, ""},
		{"aws", cr.AWS != nil, v1alpha1.ProviderBedrock},
		{"gcp", cr.GCP != nil, v1alpha1.ProviderVertexAI},
		{"azure", cr.Azure != nil, v1alpha1.ProviderAzureOpenAI},
	} {
		if !way.there {
			continue
		}
		given++
		if way.of != "" && way.of != spec.Type {
			p.add("spec.credentials.%s: is for type %s only", way.field, way.of)
		}
	}
	if given != 1 {
		p.add("spec.credentials: exactly one of secretRef, aws, gcp and azure must be set")
	}
	if cr.SecretRef != nil && spec.Type == v1alpha1.ProviderVertexAI {
		p.add("spec.credentials.secretRef: type VertexAI takes no API key: use gcp")
	}
	if a := cr.AWS; a != nil && a.SecretRef != nil && a.RoleARN != "" {
		p.add("spec.credentials.aws: secretRef and roleARN exclude each other")
	}
	if a := cr.Azure; a != nil {
		p.word("spec.credentials.azure.tenantID", a.TenantID, config.TenantForm, true)
		p.word("spec.credentials.azure.clientID", a.ClientID, config.TenantForm, true)
	}
}
