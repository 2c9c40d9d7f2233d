// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	programmedLimit = 2 * time.Minute
	answerLimit     = 15 * time.Second
)

// awaitProgrammed shows why it is not yet, whenever the reason changes.
func (q *quickstart) awaitProgrammed(ctx context.Context) error {
	if q.gateway == nil || q.sampleKey == nil {
		return errors.New("the samples hold no SparkGateway or no APIKey")
	}
	told := ""
	return poll(ctx, programmedLimit, func() error {
		if err := q.operator.failure(); err != nil {
			return giveUp{err}
		}
		conditions, err := q.conditions(ctx, q.gateway)
		if err != nil {
			return err
		}
		if c := meta.FindStatusCondition(conditions, "Programmed"); c != nil && c.Status == metav1.ConditionTrue {
			return nil
		}
		now := describe(conditions)
		if now != told {
			q.progress.note("%s", now)
			told = now
		}
		return fmt.Errorf("the SparkGateway %s/%s: %s", q.gateway.GetNamespace(), q.gateway.GetName(), now)
	})
}

func (q *quickstart) conditions(ctx context.Context, of *unstructured.Unstructured) ([]metav1.Condition, error) {
	current, err := q.get(ctx, of.GroupVersionKind(), client.ObjectKeyFromObject(of))
	if err != nil {
		return nil, err
	}
	return conditionsOf(current), nil
}

func (q *quickstart) get(ctx context.Context, kind schema.GroupVersionKind, key types.NamespacedName) (*unstructured.Unstructured, error) {
	current := &unstructured.Unstructured{}
	current.SetGroupVersionKind(kind)
	return current, q.client.Get(ctx, key, current)
}

func conditionsOf(o *unstructured.Unstructured) []metav1.Condition {
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	content, err := json.Marshal(list)
	if err != nil {
		return nil
	}
	var conditions []metav1.Condition
	_ = json.Unmarshal(content, &conditions)
	return conditions
}

// describe says in one line what is not as it should be.
func describe(conditions []metav1.Condition) string {
	if len(conditions) == 0 {
		return "no status yet"
	}
	var parts []string
	for _, c := range conditions {
		// these two sum up what the others say
		if c.Status == metav1.ConditionTrue || c.Type == "Ready" || c.Type == "Stalled" {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s is %s (%s) %s", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(parts, "; ")
}

// askGateway proves with the generated key what the summary promises, and learns a model to promise it for.
func (q *quickstart) askGateway(ctx context.Context) error {
	return poll(ctx, answerLimit, func() error {
		if err := q.readKey(ctx); err != nil {
			return err
		}
		port, err := q.servicePort(ctx)
		if err != nil {
			return err
		}
		address := q.node.ServiceAddress(q.gateway.GetNamespace(), q.gateway.GetName(), port)
		if address == "" {
			return fmt.Errorf("the Service %s is not reachable yet", q.gateway.GetName())
		}
		q.gatewayURL = "http://" + address
		q.model, err = firstModel(ctx, q.gatewayURL, q.apiKey)
		return err
	})
}

func (q *quickstart) readKey(ctx context.Context) error {
	current, err := q.get(ctx, q.sampleKey.GroupVersionKind(), client.ObjectKeyFromObject(q.sampleKey))
	if err != nil {
		return err
	}
	name, field := current.GetName()+"-key", "apiKey"
	if ref, found, _ := unstructured.NestedStringMap(current.Object, "spec", "secretRef"); found {
		name, field = ref["name"], ref["key"]
	}
	secret, err := q.get(ctx, schema.GroupVersionKind{Version: "v1", Kind: "Secret"}, types.NamespacedName{Namespace: current.GetNamespace(), Name: name})
	if err != nil {
		return err
	}
	encoded, _, _ := unstructured.NestedString(secret.Object, "data", field)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return fmt.Errorf("the Secret %s has no key %q", name, field)
	}
	q.apiKey, q.keySecret = string(key), name
	return nil
}

func (q *quickstart) servicePort(ctx context.Context) (int32, error) {
	service, err := q.get(ctx, schema.GroupVersionKind{Version: "v1", Kind: "Service"}, client.ObjectKeyFromObject(q.gateway))
	if err != nil {
		return 0, err
	}
	ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
	if len(ports) == 0 {
		return 0, fmt.Errorf("the Service %s has no ports", service.GetName())
	}
	first, _ := ports[0].(map[string]any)
	port, _, err := unstructured.NestedInt64(first, "port")
	return int32(port), err
}

func firstModel(ctx context.Context, url, key string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/models", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("GET %s/v1/models: %s: %.300s", url, response.Status, body)
	}
	var list struct{ Data []struct{ ID string } }
	if err := json.Unmarshal(body, &list); err != nil {
		return "", err
	}
	if len(list.Data) == 0 {
		return "", errors.New("the gateway lists no models")
	}
	return list.Data[0].ID, nil
}
