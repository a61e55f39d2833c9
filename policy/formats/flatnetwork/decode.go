package flatnetwork

import kjson "sigs.k8s.io/json"

// macvlanSubnet is what is read of a MacvlanSubnet (MacvlanSubnetSpec in
// types/apis/macvlan/v1/types.go; routes and podDefaultGateway came later).
type macvlanSubnet struct {
	Metadata subnetMeta `json:"metadata"`
	Spec     struct {
		Master  string `json:"master"`
		VLAN    int    `json:"vlan"`
		CIDR    string `json:"cidr"`
		Mode    string `json:"mode"`
		Gateway string `json:"gateway"`
		Ranges  []struct {
			Start string `json:"rangeStart"`
			End   string `json:"rangeEnd"`
		} `json:"ranges"`
		Routes []struct {
			Dst   string `json:"dst"`
			GW    string `json:"gw"`
			Iface string `json:"iface"`
		} `json:"routes"`
		PodDefaultGateway struct {
			Enable      bool   `json:"enable"`
			ServiceCIDR string `json:"serviceCidr"`
		} `json:"podDefaultGateway"`
	} `json:"spec"`
}

// flatNetworkSubnet is what is read of a FlatNetworkSubnet (SubnetSpec and SubnetStatus
// in pkg/apis/flatnetwork.pandaria.io/v1/types.go).
type flatNetworkSubnet struct {
	Metadata subnetMeta `json:"metadata"`
	Spec     struct {
		FlatMode   string `json:"flatMode"`
		Master     string `json:"master"`
		VLAN       int    `json:"vlan"`
		CIDR       string `json:"cidr"`
		Mode       string `json:"mode"`
		IPvlanFlag string `json:"ipvlanFlag"`
		Gateway    string `json:"gateway"`
		Ranges     []struct {
			From string `json:"from"`
			To   string `json:"to"`
		} `json:"ranges"`
		Routes []struct {
			Dev      string `json:"dev"`
			Dst      string `json:"dst"`
			Src      string `json:"src"`
			Via      string `json:"via"`
			Priority int64  `json:"priority"`
		} `json:"routes"`
	} `json:"spec"`
	Status struct {
		Phase          string `json:"phase"`
		FailureMessage string `json:"failureMessage"`
		Gateway        string `json:"gateway"`
	} `json:"status"`
}

// subnetMeta is what is read of a subnet's metadata.
type subnetMeta struct {
	Name         string `json:"name"`
	GenerateName string `json:"generateName"`
	Namespace    string `json:"namespace"`
	Labels       struct {
		Project *string `json:"project"`
	} `json:"labels"`
}

// subnetShape is what a subnet of either generation says, as written.
type subnetShape struct {
	meta                         subnetMeta
	master                       string
	vlan                         int
	flatMode, mode, ipvlanFlag   string
	cidr, gateway, statusGateway string
	ranges                       [][2]string
	routes                       []routeShape
	wantsServiceCIDR             bool
	serviceCIDR                  string
	failure                      string
}

// routeShape is a route; src, dev and priority are those of V2.
type routeShape struct {
	dev, dst, src, gateway string
	priority               int64
}

func decodeSubnet(g Generation, object []byte) (*subnetShape, error) {
	if g == V1 {
		var o macvlanSubnet
		if err := kjson.UnmarshalCaseSensitivePreserveInts(object, &o); err != nil {
			return nil, err
		}
		return o.shape(), nil
	}
	var o flatNetworkSubnet
	if err := kjson.UnmarshalCaseSensitivePreserveInts(object, &o); err != nil {
		return nil, err
	}
	return o.shape(), nil
}

func (o *macvlanSubnet) shape() *subnetShape {
	s := &subnetShape{
		meta:   o.Metadata,
		master: o.Spec.Master, vlan: o.Spec.VLAN, flatMode: macvlan, mode: o.Spec.Mode,
		cidr: o.Spec.CIDR, gateway: o.Spec.Gateway,
		wantsServiceCIDR: o.Spec.PodDefaultGateway.Enable, serviceCIDR: o.Spec.PodDefaultGateway.ServiceCIDR,
	}
	for _, r := range o.Spec.Ranges {
		s.ranges = append(s.ranges, [2]string{r.Start, r.End})
	}
	for _, r := range o.Spec.Routes {
		s.routes = append(s.routes, routeShape{dev: r.Iface, dst: r.Dst, gateway: r.GW})
	}
	return s
}

func (o *flatNetworkSubnet) shape() *subnetShape {
	s := &subnetShape{
		meta:   o.Metadata,
		master: o.Spec.Master, vlan: o.Spec.VLAN, flatMode: o.Spec.FlatMode, mode: o.Spec.Mode, ipvlanFlag: o.Spec.IPvlanFlag,
		cidr: o.Spec.CIDR, gateway: o.Spec.Gateway, statusGateway: o.Status.Gateway,
	}
	for _, r := range o.Spec.Ranges {
		s.ranges = append(s.ranges, [2]string{r.From, r.To})
	}
	for _, r := range o.Spec.Routes {
		s.routes = append(s.routes, routeShape{dev: r.Dev, dst: r.Dst, src: r.Src, gateway: r.Via, priority: r.Priority})
	}
	if o.Status.Phase == "Failed" {
		s.failure = o.Status.FailureMessage
		if s.failure == "" {
			s.failure = o.Status.Phase
		}
	}
	return s
}
