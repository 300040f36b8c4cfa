// Sessions that are being followed now, as the live list gives them.

export interface LiveEntry {
  source_ip: string;
  source_port: number;
  destination_ip: string;
  destination_port: number;
  packets: number;
  bytes: number;
  tcp_flags: string | null;
}

export interface LiveSession {
  session_id: string;
  interface: string;
  proto: number;
  proto_name: string;
  client_ip: string;
  client_port: number;
  server_ip: string;
  server_port: number;
  service: string | null;
  perspective: string;
  state: string;
  timeout: string;
  /** Milliseconds at the moment of the answer. */
  time_left: number;
  outcome: string;
  outcome_class: string;
  start: number;
  last: number;
  forward: LiveEntry;
  reverse: LiveEntry;
}

export interface LiveTable {
  interface: string;
  sessions: number;
  half_open: number;
  max_sessions: number;
  emergency: boolean;
  memory_bytes: number;
  packets: number;
  dropped: number;
  evicted: number;
}

export interface LivePage {
  items: LiveSession[];
  next_cursor: string | null;
  matched: number;
  total: number;
  complete: boolean;
  tables: LiveTable[];
}
