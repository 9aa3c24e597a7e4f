CREATE TABLE `forks` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant_id` text NOT NULL,
	`name` text NOT NULL,
	`status` text NOT NULL,
	`asked` text NOT NULL,
	`key_id` text NOT NULL,
	`scopes` text NOT NULL,
	`effects` text NOT NULL,
	`parent_id` text NOT NULL,
	`parent_origin` text NOT NULL,
	`parent_seq` integer NOT NULL,
	`parent_at` integer NOT NULL,
	`parent_head` text NOT NULL,
	`parent_state_hash` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`tenant_id`) REFERENCES `tenants`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `forks_tenant` ON `forks` (`tenant_id`,`status`);