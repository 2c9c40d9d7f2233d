// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"cmp"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sparkgateway/spark/gateway/config"
)

// sessionName is what CloudTrail shows of the gateway beside the role.
const sessionName = "spark-gateway"

// webIdentity exchanges a token of the pod's ServiceAccount for keys of a role at AWS's Security Token Service: an unsigned
// form, answered in XML (API reference, AssumeRoleWithWebIdentity, version 2011-06-15).
type webIdentity struct {
	identity  config.AWSIdentity
	transport http.RoundTripper
}

// assumed is the part of the answer that counts.
type assumed struct {
	Credentials struct {
		AccessKeyID     string    `xml:"AccessKeyId"`
		SecretAccessKey string    `xml:"SecretAccessKey"`
		SessionToken    string    `xml:"SessionToken"`
		Expiration      time.Time `xml:"Expiration"`
	} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
}

func (i *webIdentity) fetch(ctx context.Context) (aws.Credentials, time.Time, error) {
	w := newWitness(ctx, i.transport)
	answer, err := i.exchange(ctx, w.client())
	c := answer.Credentials
	keys := aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken,
		CanExpire: true, Expires: c.Expiration,
	}
	if err == nil && c.Expiration.IsZero() {
		err = errNoToken
	}
	if err == nil {
		err = usableKeys(keys)
	}
	if err != nil {
		return aws.Credentials{}, time.Time{}, w.told(err)
	}
	return keys, c.Expiration, nil
}

func (i *webIdentity) exchange(ctx context.Context, client *http.Client) (answer assumed, err error) {
	token, err := readToken(i.identity.TokenFile)
	if err != nil {
		return answer, err
	}
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
		"RoleArn": {i.identity.RoleARN}, "RoleSessionName": {sessionName}, "WebIdentityToken": {token},
	}
	endpoint := cmp.Or(i.identity.STSEndpoint, stsEndpoint(i.identity.Region))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return answer, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(request)
	if err != nil {
		return answer, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer, err
	}
	return answer, xml.Unmarshal(text, &answer)
}

// stsEndpoint gives the region's Security Token Service. China is a partition with a domain of its own.
func stsEndpoint(region string) string {
	domain := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		domain += ".cn"
	}
	return "https://sts." + region + "." + domain + "/"
}
