package cni

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/macvlan-webhook/macvlan-webhook/test/wait"
)

// dhcpServer gives out addresses from 172.16.200.1 on, and remembers what it was
// asked.
type dhcpServer struct {
	mutex  sync.Mutex
	leases []string // hardware addresses: the first has 172.16.200.1
	asked  map[dhcpv4.MessageType]int
}

// serveDHCP serves on lan0 of a namespace until the test ends.
func serveDHCP(t *testing.T, netns ns.NetNS) *dhcpServer {
	t.Helper()
	s := &dhcpServer{asked: map[dhcpv4.MessageType]int{}}
	var server *server4.Server
	inside(t, netns, func() error {
		// Below IP, as real servers listen: what comes from 0.0.0.0 passes the kernel
		// to broadcast addresses alone.
		connection, err := nclient4.NewRawUDPConn("lan0", dhcpv4.ServerPort)
		if err != nil {
			return err
		}
		server, err = server4.NewServer("", nil, s.handle, server4.WithConn(connection))
		return err
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// It ends with an error in any case: the one of closing its connection.
		_ = server.Serve()
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return s
}

func (s *dhcpServer) handle(connection net.PacketConn, peer net.Addr, request *dhcpv4.DHCPv4) {
	s.mutex.Lock()
	s.asked[request.MessageType()]++
	client := request.ClientHWAddr.String()
	index := slices.Index(s.leases, client)
	if index < 0 {
		index = len(s.leases)
		s.leases = append(s.leases, client)
	}
	// The first clients ask again soon, each once: while the daemon asks, it
	// would not release an address.
	renewal := time.Hour
	if s.asked[dhcpv4.MessageTypeRequest] <= 2 {
		renewal = time.Second
	}
	s.mutex.Unlock()

	answers := map[dhcpv4.MessageType]dhcpv4.MessageType{
		dhcpv4.MessageTypeDiscover: dhcpv4.MessageTypeOffer,
		dhcpv4.MessageTypeRequest:  dhcpv4.MessageTypeAck,
	}
	answer, ok := answers[request.MessageType()]
	if !ok {
		return
	}
	reply, err := dhcpv4.NewReplyFromRequest(request,
		dhcpv4.WithMessageType(answer),
		dhcpv4.WithYourIP(net.IPv4(172, 16, 200, byte(index+1))),
		dhcpv4.WithServerIP(net.ParseIP(gateway)),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.ParseIP(gateway))),
		dhcpv4.WithOption(dhcpv4.OptSubnetMask(net.CIDRMask(16, 32))),
		dhcpv4.WithOption(dhcpv4.OptRouter(net.ParseIP(gateway))),
		dhcpv4.WithOption(dhcpv4.OptIPAddressLeaseTime(time.Hour)),
		dhcpv4.WithOption(dhcpv4.OptRenewTimeValue(renewal)),
	)
	if err != nil {
		return // the client asks again
	}
	_, _ = connection.WriteTo(reply.ToBytes(), peer) // likewise
}

// times says how often clients have sent a message.
func (s *dhcpServer) times(kind dhcpv4.MessageType) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.asked[kind]
}

// startDHCP runs the daemon of the plugin, as the manifests do, on its default
// socket and with the capabilities given, until the test ends.
func startDHCP(t *testing.T, keep []uintptr) {
	t.Helper()
	needNode(t)
	var output bytes.Buffer
	command := exec.Command(installer(), "dhcp")
	command.Stdout, command.Stderr = &output, &output
	if err := confined(keep, command.Start); err != nil {
		t.Fatalf("macvlan-installer dhcp: %v", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- command.Wait() }()
	t.Cleanup(func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := <-exited; err != nil {
			t.Errorf("macvlan-installer dhcp: %v: %s", err, output.String())
		}
		if exists(t, "/run/cni/dhcp.sock") {
			t.Error("the daemon has left its socket behind")
		}
	})
	wait.Until(t, "the DHCP daemon answers on its socket", func() bool {
		connection, err := net.Dial("unix", "/run/cni/dhcp.sock")
		if err != nil {
			return false
		}
		return connection.Close() == nil
	})
}

// daemonCapabilities are those that manifests/installer/dhcp adds: to enter the
// container's network namespace, to set its link up, to ask for an address by it
// before it has one, and to give the address back from the port of clients.
var daemonCapabilities = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE}

func dhcpNetwork(t *testing.T) network {
	t.Helper()
	return installed(t, `{
		"cniVersion": "1.0.0",
		"name": "dhcp",
		"type": "macvlan",
		"master": "eth0",
		"ipam": {"type": "dhcp"}
	}`)
}

// Addresses from the LAN's own DHCP server, kept as long as the container lives.
func TestDHCP(t *testing.T) {
	n := dhcpNetwork(t)
	outside, host := lan(t, "eth0"), node(t)
	server := serveDHCP(t, outside)
	startDHCP(t, daemonCapabilities)

	one, two := newContainer(t), newContainer(t)
	wanted := want{parent: "eth0", mode: netlink.MACVLAN_MODE_BRIDGE, gateway: gateway}
	wanted.addresses = []string{"172.16.200.1/16"}
	wanted.verify(t, one, n.add(t, one))
	wanted.addresses = []string{"172.16.200.2/16"}
	wanted.verify(t, two, n.add(t, two))

	reaches(t, one, two, "172.16.200.2")
	reaches(t, one, outside, gateway)
	reaches(t, outside, two, "172.16.200.2")
	separated(t, one, host, parent)
	for _, c := range []container{one, two} {
		if err := n.check(t, c); err != nil {
			t.Errorf("CHECK: %v", err)
		}
	}
	// One request each is how the addresses came; the others are renewals.
	wait.Until(t, "the daemon renews the leases", func() bool { return server.times(dhcpv4.MessageTypeRequest) == 4 })

	n.del(t, one)
	gone(t, one)
	wait.Until(t, "the daemon gives the address back", func() bool { return server.times(dhcpv4.MessageTypeRelease) == 1 })
	// The other container's stays.
	reaches(t, outside, two, "172.16.200.2")
}

// While the daemon is away, containers are neither connected nor disconnected, and
// nothing has to be put right by hand when it is back.
func TestDHCPWithoutDaemon(t *testing.T) {
	n := dhcpNetwork(t)
	lan(t, "eth0")
	c := newContainer(t)
	if _, err := n.cni.AddNetworkList(t.Context(), n.list, c.runtime); err == nil || !strings.Contains(err.Error(), "dhcp.sock") {
		t.Errorf("ADD: %v, want that the daemon's socket is missing", err)
	}
	if err := n.cni.DelNetworkList(t.Context(), n.list, c.runtime); err == nil || !strings.Contains(err.Error(), "dhcp.sock") {
		t.Errorf("DEL: %v, want that the daemon's socket is missing", err)
	}
	startDHCP(t, daemonCapabilities)
	n.del(t, c)
	gone(t, c)
}

// The manifest gives the daemon no capability that it could do without.
func TestDHCPNeedsItsCapabilities(t *testing.T) {
	for i, missing := range daemonCapabilities {
		t.Run(fmt.Sprintf("without %d", missing), func(t *testing.T) {
			n := dhcpNetwork(t)
			server := serveDHCP(t, lan(t, "eth0"))
			startDHCP(t, slices.Delete(slices.Clone(daemonCapabilities), i, i+1))
			c := newContainer(t)
			if missing == unix.CAP_NET_BIND_SERVICE {
				n.add(t, c)
				n.del(t, c)
				// What comes after a release that was sent.
				n.add(t, newContainer(t))
				if got := server.times(dhcpv4.MessageTypeRelease); got != 0 {
					t.Errorf("%d addresses are given back, want none without the capability", got)
				}
				return
			}
			_, err := n.cni.AddNetworkList(t.Context(), n.list, c.runtime)
			if err == nil || !strings.Contains(err.Error(), "operation not permitted") {
				t.Errorf("ADD: %v, want that it is not permitted", err)
			}
			n.del(t, c)
			gone(t, c)
		})
	}
}
