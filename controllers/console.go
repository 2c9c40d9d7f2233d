// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/compiler"
	"github.com/sparkgateway/spark/controllers/console"
	"github.com/sparkgateway/spark/controllers/fleet"
	"github.com/sparkgateway/spark/controllers/render"
)

// ConsoleOptions say where the console is served and to whom. The zero value serves none.
type ConsoleOptions struct {
	// Address is "host:port"; empty or "0" serves none.
	Address string
	// Secure serves TLS, and the interface only to those whom the API server allows it. Without, Address must be a loopback one.
	Secure bool
	// CertDir holds tls.crt and tls.key; empty means a certificate of its own.
	CertDir string
	// Playground is the APIKey that prompts of the page are sent with; the zero name refuses them.
	Playground types.NamespacedName
	// Version is the operator's.
	Version string
}

// SetupConsole adds the console to a manager that Setup was called with. It listens at once, and answers once the caches are in step.
func SetupConsole(ctx context.Context, mgr ctrl.Manager, o ConsoleOptions) error {
	if o.Address == "" || o.Address == "0" {
		return nil
	}
	log := mgr.GetLogger().WithName("console")
	caller := fleet.NewHTTPCaller()
	options := console.Options{
		Cluster: exhibits{mgr.GetClient()}, Caller: caller, Version: o.Version, Guard: console.Loopback,
		Log: func(err error, what string) { log.Error(err, what) },
	}
	if o.Playground.Name != "" {
		options.Playground = &console.Playground{Key: o.Playground.String(), Secret: keyReader(mgr.GetClient(), o.Playground), Witness: caller}
	}
	// Whoever scans the port makes it complain: that is for those who look for trouble.
	server := &console.Server{Complaints: slog.NewLogLogger(logr.ToSlogHandler(log), slog.LevelDebug)}
	var err error
	if o.Secure {
		if options.Guard, err = console.Authorized(mgr.GetConfig(), mgr.GetHTTPClient(), log); err != nil {
			return fmt.Errorf("set up who may use the console: %w", err)
		}
		if server.TLS, err = console.Certificate(ctx, o.CertDir); err != nil {
			return err
		}
	} else if !console.IsLoopback(o.Address) {
		return fmt.Errorf("the console at %s would be open to everybody: let it be secure, or listen on a loopback address", o.Address)
	}
	if server.Listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", o.Address); err != nil {
		return fmt.Errorf("serve the console: %w", err)
	}
	server.Handler = console.NewHandler(options)
	return mgr.Add(server)
}

// exhibits reads what the console shows from the manager's cache. Nothing of it is changed, so it need not be copied.
type exhibits struct{ reader client.Reader }

// Gateways implements console.Cluster.
func (e exhibits) Gateways(ctx context.Context) ([]v1alpha1.SparkGateway, error) {
	var list v1alpha1.SparkGatewayList
	if err := e.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	return list.Items, nil
}

// Resources implements console.Cluster.
func (e exhibits) Resources(ctx context.Context, gw *v1alpha1.SparkGateway) (console.Resources, error) {
	var providers v1alpha1.ProviderPolicyList
	var routes v1alpha1.ModelRouteList
	var keys v1alpha1.APIKeyList
	var policies v1alpha1.UsagePolicyList
	attached := client.MatchingFields{gatewayIndex: client.ObjectKeyFromObject(gw).String()}
	for _, list := range []client.ObjectList{&providers, &routes, &keys, &policies} {
		if err := e.reader.List(ctx, list, attached, client.UnsafeDisableDeepCopy); err != nil {
			return console.Resources{}, err
		}
	}
	var pods corev1.PodList
	own := []client.ListOption{client.InNamespace(gw.Namespace), client.MatchingLabels(render.Selector(gw)), client.UnsafeDisableDeepCopy}
	if err := e.reader.List(ctx, &pods, own...); err != nil {
		return console.Resources{}, err
	}
	out := console.Resources{
		Providers: providers.Items, Routes: routes.Items, Keys: keys.Items, Policies: policies.Items, Members: members(pods.Items),
	}
	name := types.NamespacedName{Namespace: gw.Namespace, Name: render.AdminSecretName(gw.Name)}
	admin, err := get(ctx, e.reader, name, &corev1.Secret{}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return console.Resources{}, err
	}
	if admin != nil {
		out.Admin = admin.Data
	}
	if gw.Spec.Listener == nil || gw.Spec.Listener.TLS == nil {
		return out, nil
	}
	name.Name = gw.Spec.Listener.TLS.SecretRef.Name
	certificate, err := get(ctx, e.reader, name, &corev1.Secret{}, client.UnsafeDisableDeepCopy)
	if certificate != nil {
		out.Certificate = certificate.Data[corev1.TLSCertKey]
	}
	return out, err
}

// members gives all pods, with the way to those that run.
func members(pods []corev1.Pod) []console.Member {
	out := make([]console.Member, 0, len(pods))
	for i := range pods {
		m := console.Member{Name: pods[i].Name, Ready: podReady(&pods[i])}
		if way := audience(pods[i : i+1]); len(way) == 1 {
			m.Running, m.Pod = true, way[0]
		}
		out = append(out, m)
	}
	return out
}

// keyReader reads the key of an APIKey from its Secret, whenever it is asked: the key may rotate.
func keyReader(reader client.Reader, name types.NamespacedName) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		key, err := get(ctx, reader, name, &v1alpha1.APIKey{})
		if err != nil {
			return "", err
		}
		if key == nil {
			return "", fmt.Errorf("there is no APIKey %s", name)
		}
		field := compiler.CredentialsKey
		if key.Spec.SecretRef != nil {
			field = cmp.Or(key.Spec.SecretRef.Key, field)
		}
		secret, err := get(ctx, reader, compiler.SecretName(key), &corev1.Secret{}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return "", err
		}
		if secret == nil || len(secret.Data[field]) == 0 {
			return "", fmt.Errorf("the key of APIKey %s is in no Secret", name)
		}
		return strings.TrimSpace(string(secret.Data[field])), nil
	}
}
