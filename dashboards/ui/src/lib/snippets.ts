// Configuration that makes an exporter send here: per vendor, with this host's address and port filled in.

export interface Listen {
  protocol: string;
  address: string;
}

export interface Target {
  host: string;
  port: string;
}

export interface Snippet {
  name: string;
  text: string;
  notes: string;
}

const ANY = new Set(['0.0.0.0', '::', '[::]', '*', '']);

/** Host and port of a listen address. "Any" becomes the host that this page came from, for that is where we are. */
export function target(address: string, pageHost: string): Target {
  const match = /^(.*):(\d+)$/.exec(address);
  const host = (match?.[1] ?? address).replace(/^\[|\]$/g, '');
  const port = match?.[2] ?? '2055';
  return { host: ANY.has(host) ? pageHost.replace(/^\[|\]$/g, '') : host, port };
}

/** The address to send UDP to, with the port of IPFIX when there is one: exporters with TCP or TLS are few. */
export function preferred(listen: readonly Listen[]): Listen | undefined {
  const udp = listen.filter(({ protocol }) => protocol === 'netflow');
  return udp.find(({ address }) => address.endsWith(':4739')) ?? udp[0] ?? listen[0];
}

export function snippets({ host, port }: Target): Snippet[] {
  const joined = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return [
    {
      name: 'Cisco IOS',
      notes:
        'The line that collects TCP flags is what makes failures visible. Repeat the last two lines on every interface.',
      text: `flow record HALFOPEN-RECORD
 match ipv4 protocol
 match ipv4 source address
 match ipv4 destination address
 match transport source-port
 match transport destination-port
 match interface input
 collect interface output
 collect transport tcp flags
 collect counter bytes long
 collect counter packets long
 collect timestamp sys-uptime first
 collect timestamp sys-uptime last
!
flow exporter HALFOPEN-EXPORTER
 destination ${host}
 transport udp ${port}
 export-protocol ipfix
 template data timeout 60
!
flow monitor HALFOPEN-MONITOR
 record HALFOPEN-RECORD
 exporter HALFOPEN-EXPORTER
 cache timeout active 60
 cache timeout inactive 15
!
interface GigabitEthernet0/0
 ip flow monitor HALFOPEN-MONITOR input`,
    },
    {
      name: 'Cisco ASA',
      notes:
        'NetFlow secure event logging: the ASA tells of sessions it created, tore down and denied. Denials by policy count as blocked. Put your interface in place of inside.',
      text: `flow-export destination inside ${host} ${port}
flow-export template timeout-rate 1
flow-export active refresh-interval 1
policy-map global_policy
 class class-default
  flow-export event-type all destination ${host}
service-policy global_policy global`,
    },
    {
      name: 'Juniper',
      notes:
        'Inline monitoring on MX. Put your router’s own address in place of 192.0.2.1, and name the interfaces you have.',
      text: `set services flow-monitoring version-ipfix template halfopen flow-active-timeout 60
set services flow-monitoring version-ipfix template halfopen flow-inactive-timeout 15
set services flow-monitoring version-ipfix template halfopen template-refresh-rate seconds 60
set services flow-monitoring version-ipfix template halfopen ipv4-template
set forwarding-options sampling instance halfopen input rate 1
set forwarding-options sampling instance halfopen family inet output flow-server ${host} port ${port}
set forwarding-options sampling instance halfopen family inet output flow-server ${host} version-ipfix template halfopen
set forwarding-options sampling instance halfopen family inet output inline-jflow source-address 192.0.2.1
set chassis fpc 0 sampling-instance halfopen
set interfaces ge-0/0/0 unit 0 family inet sampling input
set interfaces ge-0/0/0 unit 0 family inet sampling output`,
    },
    {
      name: 'MikroTik',
      notes: 'RouterOS 7. IPFIX carries the TCP flags by default.',
      text: `/ip traffic-flow set enabled=yes interfaces=all active-flow-timeout=1m inactive-flow-timeout=15s
/ip traffic-flow target add dst-address=${host} port=${port} version=ipfix`,
    },
    {
      name: 'Fortinet',
      notes:
        'FortiOS 7.2 and later; before, collector-ip and collector-port stand directly under netflow. Repeat the sampler on every interface.',
      text: `config system netflow
    set active-flow-timeout 60
    set inactive-flow-timeout 15
    set template-tx-timeout 60
    config collectors
        edit 1
            set collector-ip ${host}
            set collector-port ${port}
        next
    end
end
config system interface
    edit port1
        set netflow-sampler both
    next
end`,
    },
    {
      name: 'Palo Alto',
      notes:
        'PAN-OS sends NetFlow v9, one record for each direction, unsampled. In the web interface, as follows; then commit.',
      text: `Device > Server Profiles > NetFlow > Add
  Name:                  halfopen
  Template Refresh Rate: 1 minute, 20 packets
  Active Timeout:        1 minute
  Servers > Add:         ${host}, port ${port}
Network > Interfaces > (each interface) > NetFlow Profile: halfopen`,
    },
    {
      name: 'Linux',
      notes: 'softflowd on a router, a server or a mirror port. Put your interface in place of eth0.',
      text: `softflowd -i eth0 -v 10 -n ${joined} -t maxlife=60 -t tcp=15`,
    },
  ];
}
