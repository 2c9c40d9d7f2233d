// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

// credentials are all that a provider may be shown, in the words of the cases.
var credentials = []string{
	"sk-1", "sk-2", "sk-3", "AKIA1", "AKIA2", "ASIAPOD", "ASIA-first-pod", "ASIA-second-pod", "metadata", "one", "two", "three", "federated-pod",
	"a.example-1111-s1", "a.example-1111-s2", "a.example-1111-s3", "a.example-2222-s1", "b.example-1111-s1", "a.example-1111-pod",
}

// shown sees the credential that provider one gets.
var shown = received(toOne, func(r fakeprovider.Record) any {
	at := slices.IndexFunc(credentials, func(c string) bool { return fakeprovider.SHA256Of(c) == r.KeySHA256 })
	if at < 0 {
		return fmt.Sprint("something unknown: ", r.Headers)
	}
	return credentials[at]
})

// audiences sees for whom pods have tokens mounted.
var audiences = func(b *bed) any { return b.compiled.Document.Core.Audiences() }

// clouds sees which hosts of clouds are asked for one request.
func clouds(b *bed) any {
	b.ask(toOne)
	b.cloud.mu.Lock()
	defer b.cloud.mu.Unlock()
	return slices.Compact(slices.Clone(b.cloud.asked))
}

// withCredentials gives a type of provider and its credentials.
func withCredentials(kind, block, credentials string) edits {
	changes := typed(kind, block)
	changes[ofProvider] = credentials
	return changes
}

const ofProvider = "ProviderPolicy.spec.credentials"

// credentialCases are of how the gateway shows itself to a provider.
func credentialCases() cases {
	var (
		aws   = func(how string) edits { return withCredentials("Bedrock", ofBedrock, "{aws: {"+how+"}}") }
		gcp   = func(how string) edits { return withCredentials("VertexAI", ofVertex, "{gcp: {"+how+"}}") }
		azure = withCredentials("AzureOpenAI", "", "{azure: {tenantID: a.example, clientID: "+application("1")+", secretRef: {name: azure-1}}}")
		role  = func(name string) string { return "arn:aws:iam::123456789012:role/" + name }
	)
	found := cases{
		".secretRef.name": {from: "provider", to: "provider-3", was: "sk-1", is: "sk-3", see: shown},
		".secretRef.key":  {to: "second", was: "sk-1", is: "sk-2", see: shown},
		".aws of the pods": {with: aws("secretRef: {name: aws-1}"), from: "{secretRef: {name: aws-1}}", to: "{}",
			was: "AKIA1", is: "ASIAPOD", see: shown},
		".aws.secretRef.name": {with: aws("secretRef: {name: aws-1}"), from: "aws-1", to: "aws-2",
			was: "AKIA1", is: "AKIA2", see: shown},
		".aws.roleARN": {with: aws(""), from: role("first"), to: role("second"),
			was: "ASIA-first-pod", is: "ASIA-second-pod", see: shown},
		".aws.roleARN needs a token": {with: aws(""), to: role("first"),
			was: []string(nil), is: []string{"sts.amazonaws.com"}, see: audiences},
		".gcp of the pods": {with: gcp("secretRef: {name: gcp-1}"), from: "{secretRef: {name: gcp-1}}", to: "{}",
			was: "one", is: "metadata", see: shown},
		".gcp.secretRef.name": {with: gcp(""), from: "gcp-1", to: "gcp-3", was: "one", is: "three", see: shown},
		".gcp.secretRef.name with pods'": {with: gcp(""), from: "gcp-1", to: "gcp-pods",
			was: "one", is: "federated-pod", see: shown},
		".gcp.secretRef.key": {with: gcp("secretRef: {name: gcp-1}"), to: "second.json",
			was: "one", is: "two", see: shown},
		".azure.tenantID": {with: azure, from: "a.example", to: "b.example",
			was: "a.example-1111-s1", is: "b.example-1111-s1", see: shown},
		".azure.clientID": {with: azure, from: application("1"), to: application("2"),
			was: "a.example-1111-s1", is: "a.example-2222-s1", see: shown},
		".azure.secretRef.name": {with: azure, from: "azure-1", to: "azure-3",
			was: "a.example-1111-s1", is: "a.example-1111-s3", see: shown},
		".azure.secretRef.key": {with: azure, to: "second",
			was: "a.example-1111-s1", is: "a.example-1111-s2", see: shown},
		".azure.secretRef of the pods": {with: azure, from: "{name: azure-1}", to: "",
			was: "a.example-1111-s1", is: "a.example-1111-pod", see: shown},
	}
	named := cases{}
	for name, c := range found {
		named[ofProvider+name] = c
	}
	region := aws("roleARN: '" + role("first") + "'")
	maps.Copy(named, cases{
		"ProviderPolicy.spec.bedrock.region": {with: region, from: "eu-central-1", to: "us-east-1", see: clouds,
			was: []string{"sts.eu-central-1.amazonaws.com"}, is: []string{"sts.us-east-1.amazonaws.com"}},
	})
	return named
}

// application gives an ID of an application that begins with a digit four times.
func application(digit string) string {
	return "'" + digit + digit + digit + digit + "0000-0000-0000-0000-000000000000'"
}

// overTLSToOne leads to provider one over TLS; its certificate is for provider.test only.
var overTLSToOne = edits{"ProviderPolicy.spec.endpoint": "$TLS", "ProviderPolicy.spec.retry.attempts": "1"}

// withTLS adds what is known of the certificate.
func withTLS(known string) edits {
	changes := maps.Clone(overTLSToOne)
	changes["ProviderPolicy.spec.tls"] = known
	return changes
}

// tlsCases are of how a provider's certificate is checked.
var tlsCases = cases{
	"ProviderPolicy.spec.tls.caSecretRef.name": {with: withTLS("{serverName: provider.test}"), from: "ca-nobody", to: "ca",
		was: 502, is: 200, see: status(toOne)},
	"ProviderPolicy.spec.tls.caSecretRef.key": {with: withTLS("{serverName: provider.test, caSecretRef: {name: ca}}"), to: "nobody.crt",
		was: 200, is: 502, see: status(toOne)},
	"ProviderPolicy.spec.tls.serverName": {with: withTLS("{caSecretRef: {name: ca}}"), to: "provider.test",
		was: 502, is: 200, see: status(toOne)},
}
