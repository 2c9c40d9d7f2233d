// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The programs of the tests are this binary under other names, so that the tests prove the quickstart and not Spark.
// brokenOperator makes the operator's stand-in fail at once.
const (
	brokenOperator = "SPARK_QUICKSTART_TEST_BROKEN_OPERATOR"
	standInKey     = "spark-stand-in"
)

func TestMain(m *testing.M) {
	programs = nil // nothing to build
	switch filepath.Base(os.Args[0]) {
	case "manager":
		exit(standInOperator())
	case "gateway":
		exit(serve(net.JoinHostPort(os.Getenv("SPARK_BIND_ADDRESS"), "8080"), standInGateway))
	case "fakeprovider":
		exit(serve(os.Args[2], http.NotFound))
	}
	if len(os.Args) > 1 && (os.Args[1] == "up" || os.Args[1] == "supervise" || os.Args[1] == "down") {
		main()
		return
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(address string, handler http.HandlerFunc) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: address, Handler: handler}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); ctx.Err() == nil {
		return err
	}
	return nil
}

func standInGateway(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/models" && r.Header.Get("Authorization") != "Bearer "+standInKey {
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	_, _ = fmt.Fprint(w, `{"data": [{"id": "stand-in-model"}]}`)
}

// standInOperator runs one gateway and says when it is Programmed.
func standInOperator() error {
	if os.Getenv(brokenOperator) != "" {
		return fmt.Errorf("the stand-in is broken")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	c, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := standInReconcile(ctx, c); err != nil {
			fmt.Println(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func standInReconcile(ctx context.Context, c client.Client) error {
	gateways := &unstructured.UnstructuredList{}
	gateways.SetAPIVersion(apiVersion)
	gateways.SetKind("SparkGatewayList")
	if err := c.List(ctx, gateways); err != nil {
		return err
	}
	for i := range gateways.Items {
		gateway := &gateways.Items[i]
		for _, object := range standInChildren(gateway) {
			if err := client.IgnoreAlreadyExists(c.Create(ctx, object)); err != nil {
				return err
			}
		}
		d := &appsv1.Deployment{}
		if err := c.Get(ctx, client.ObjectKeyFromObject(gateway), d); err != nil {
			return err
		}
		if d.Status.ReadyReplicas == 0 || len(conditionsOf(gateway)) > 0 {
			continue
		}
		condition := map[string]any{
			"type": "Programmed", "status": "True", "reason": "Programmed", "message": "every pod runs it",
			"lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
		}
		_ = unstructured.SetNestedSlice(gateway.Object, []any{condition}, "status", "conditions")
		if err := c.Status().Update(ctx, gateway); err != nil {
			return err
		}
	}
	return nil
}

func standInChildren(gateway *unstructured.Unstructured) []client.Object {
	meta := metav1.ObjectMeta{Namespace: gateway.GetNamespace(), Name: gateway.GetName()}
	labels := map[string]string{"gateway": gateway.GetName()}
	one := int32(1)
	keyMeta := *meta.DeepCopy()
	keyMeta.Name = "alice-key"
	return []client.Object{
		&corev1.Secret{ObjectMeta: keyMeta, StringData: map[string]string{"apiKey": standInKey}},
		&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
			Selector: labels, Ports: []corev1.ServicePort{{Port: 8080, TargetPort: intstr.FromInt32(8080)}},
		}},
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
			Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "gateway", Image: "stand-in",
				ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}},
			}}}},
		}},
	}
}
