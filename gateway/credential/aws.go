// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
)

// bedrock is the name under which Amazon Bedrock checks signatures.
const bedrock = "bedrock"

// signature authorizes by AWS Signature Version 4.
type signature struct {
	region string
	keys   func(context.Context) (aws.Credentials, error)
	signer *v4.Signer
	now    func() time.Time
}

func (b *Book) aws(i Identity) Source {
	s := &signature{region: i.AWS.Region, signer: v4.NewSigner(), now: b.opts.Now}
	if i.AWS.AccessKeyID != "" {
		keys := aws.Credentials{
			AccessKeyID:     i.secret(i.AWS.AccessKeyID),
			SecretAccessKey: i.secret(i.AWS.SecretAccessKey),
			SessionToken:    i.secret(i.AWS.SessionToken),
		}
		s.keys = func(context.Context) (aws.Credentials, error) { return keys, nil }
		return s
	}
	fetch := b.podIdentity
	if i.AWS.RoleARN != "" {
		fetch = (&webIdentity{*i.AWS, b.opts.Transport}).fetch
	}
	k := &keeper[aws.Credentials]{fetch: fetch, now: b.opts.Now, life: b.life}
	s.keys = k.get
	return s
}

// Authorize signs the method, the target, the host and the body. Header fields that are not set here are not signed, so that
// others may be added.
func (s *signature) Authorize(ctx context.Context, r Request, set func(name, value string)) error {
	target, err := url.ParseRequestURI(r.Target)
	if err != nil {
		return errors.New("the target is not one of HTTP")
	}
	keys, err := s.keys(ctx)
	if err != nil {
		return err
	}
	target.Scheme, target.Host = "https", r.Host
	request := &http.Request{Method: r.Method, URL: target, Host: r.Host, Header: http.Header{}}
	sum := sha256.Sum256(r.Body)
	if err := s.signer.SignHTTP(ctx, keys, request, hex.EncodeToString(sum[:]), bedrock, s.region, s.now()); err != nil {
		return errors.New("the request cannot be signed")
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		if value := request.Header.Get(name); value != "" {
			set(name, value)
		}
	}
	return nil
}

// The environment that Amazon EKS gives pods whose ServiceAccount is associated with a role.
const (
	podIdentityURI       = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	podIdentityTokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
)

var errNoPodIdentity = errors.New("no identity from Amazon EKS: " + podIdentityURI +
	" is not set to an address of the machine; is the ServiceAccount associated with a role?")

// podIdentity asks the agent on the pod's machine.
func (b *Book) podIdentity(ctx context.Context) (aws.Credentials, time.Time, error) {
	endpoint := b.opts.Getenv(podIdentityURI)
	u, err := url.Parse(endpoint)
	if err != nil || endpoint == "" || !isLocal(u.Hostname()) {
		return aws.Credentials{}, time.Time{}, errNoPodIdentity
	}
	w := newWitness(ctx, b.opts.Transport)
	token := ""
	if file := b.opts.Getenv(podIdentityTokenFile); file != "" {
		if token, err = readToken(file); err != nil {
			return aws.Credentials{}, time.Time{}, w.told(err)
		}
	}
	provider := endpointcreds.New(endpoint, func(o *endpointcreds.Options) {
		o.HTTPClient, o.Retryer, o.AuthorizationToken = w.client(), aws.NopRetryer{}, token
	})
	keys, err := provider.Retrieve(ctx)
	if err == nil {
		err = usableKeys(keys)
	}
	if err != nil {
		return aws.Credentials{}, time.Time{}, w.told(err)
	}
	if !keys.CanExpire {
		return keys, time.Time{}, nil
	}
	return keys, keys.Expires, nil
}

// usableKeys says that keys are no keys, or could not stand in a header. Only keys of one's own go without a session.
func usableKeys(keys aws.Credentials) error {
	if _, err := usable(keys.AccessKeyID); err != nil {
		return err
	}
	if keys.SecretAccessKey == "" {
		return errNoToken
	}
	_, err := usable(keys.SessionToken)
	return err
}
