// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sparkgateway/spark/api/v1alpha1"
	"github.com/sparkgateway/spark/controllers/render"
)

// Road leads to the listener of one pod that applications use, until Stop.
type Road struct {
	// Pod is its name, and Address where the road begins, on the loopback interface.
	Pod, Address string
	// TLS says that the listener speaks it.
	TLS bool
	// Stop ends it, and says what kept connections from the pod, if anything did.
	Stop func() error
}

// Applications opens one to a pod of a gateway, by name or, where that is empty, one that is ready. It goes through the API
// server, so that it is slower than what applications take.
func (c *Cluster) Applications(ctx context.Context, gateway, pod string) (*Road, error) {
	var gw v1alpha1.SparkGateway
	err := c.Objects.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: gateway}, &gw)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("--gateway %s: there is no such SparkGateway in namespace %s", gateway, c.Namespace)
	}
	if err != nil {
		return nil, err
	}
	if pod, err = c.choose(ctx, gateway, pod); err != nil {
		return nil, err
	}
	address, stop, err := c.forward(ctx, pod, int(render.Port(&gw)))
	if err != nil {
		return nil, fmt.Errorf("pod %s: forward a port: %w", pod, err)
	}
	return &Road{Pod: pod, Address: address, TLS: gw.Spec.Listener != nil && gw.Spec.Listener.TLS != nil, Stop: stop}, nil
}
